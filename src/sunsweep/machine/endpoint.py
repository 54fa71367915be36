"""A broker's URL chooses the transport: `mqtt`, `mqtts`, `ws` or `wss`."""

from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

Transport = Literal["tcp", "websockets"]

_SCHEMES: Final[dict[str, tuple[Transport, bool, int]]] = {
    "mqtt": ("tcp", False, 1883),
    "mqtts": ("tcp", True, 8883),
    "ws": ("websockets", False, 8083),
    "wss": ("websockets", True, 8084),
}


class BadUrl(Exception):  # noqa: N818  named after what it is
    """No URL of a broker."""


class Endpoint(NamedTuple):
    """Where a broker is and how to speak to it; `path` is for WebSocket only."""

    host: str
    port: int
    transport: Transport
    tls: bool
    path: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_endpoint(url: str) -> Endpoint:
    """Read a URL; raises `BadUrl`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrl(f"{url!r}: {error}") from error
    if parts.scheme not in _SCHEMES:
        raise BadUrl(f"{url!r} must begin with {', '.join(f'{scheme}://' for scheme in _SCHEMES)}")
    if not parts.hostname:
        raise BadUrl(f"{url!r} names no host")
    if parts.username is not None:
        raise BadUrl("user name and password have fields of their own, and do not belong into the URL")
    transport, tls, usual_port = _SCHEMES[parts.scheme]
    return Endpoint(parts.hostname, port or usual_port, transport, tls, parts.path.rstrip("/") or "/mqtt")
