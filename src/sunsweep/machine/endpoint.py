"""A broker's URL chooses the transport: `mqtt`, `mqtts`, `ws` or `wss`."""

from base64 import b64encode
from typing import Final, Literal, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

Transport = Literal["tcp", "websockets"]

_SCHEMES: Final[dict[str, tuple[Transport, bool, int]]] = {
    "mqtt": ("tcp", False, 1883),
    "mqtts": ("tcp", True, 8883),
    "ws": ("websockets", False, 8083),
    "wss": ("websockets", True, 8084),
}

_PROXY_PORT: Final = 3128


class BadUrl(Exception):  # noqa: N818  named after what it is
    """No URL of a broker."""


class Endpoint(NamedTuple):
    """Where a broker is and how to speak to it; `path` is for WebSocket only."""

    host: str
    port: int
    transport: Transport
    tls: bool
    path: str

    @property
    def authority(self) -> str:
        """Host and port, as in a URL and in HTTP's `Host`."""
        return _address(self.host, self.port)

    def __str__(self) -> str:
        """Its URL in full: what is remembered, and said to people."""
        scheme = next(name for name, (*kind, _) in _SCHEMES.items() if kind == [self.transport, self.tls])
        return f"{scheme}://{self.authority}{self.path if self.transport == 'websockets' else ''}"


class HttpProxy(NamedTuple):
    """The way out of the site's network, for all four transports; `authorization` is its header's value."""

    host: str
    port: int
    authorization: str | None

    def __str__(self) -> str:
        return _address(self.host, self.port)


def parse_endpoint(url: str) -> Endpoint:
    """Read a URL; raises `BadUrl`."""
    parts, port = _split(url)
    if parts.scheme not in _SCHEMES:
        raise BadUrl(f"{_shown(url)} must begin with {', '.join(f'{scheme}://' for scheme in _SCHEMES)}")
    if parts.username is not None:
        raise BadUrl("user name and password have fields of their own, and do not belong into the URL")
    if not parts.hostname:
        raise BadUrl(f"{url!r} names no host")
    transport, tls, usual_port = _SCHEMES[parts.scheme]
    return Endpoint(parts.hostname, port or usual_port, transport, tls, parts.path.rstrip("/") or "/mqtt")


def parse_proxy(url: str) -> HttpProxy:
    """Read `http://[USER:PASSWORD@]HOST[:PORT]`; raises `BadUrl`, which never shows the password."""
    parts, port = _split(url)
    if parts.scheme != "http" or not parts.hostname:
        raise BadUrl("a proxy is http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {b64encode(pair.encode()).decode()}"
    return HttpProxy(parts.hostname, port or _PROXY_PORT, authorization)


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        # The library's own words quote what stands where the port belongs: with a stray `/`, that is the password.
        raise BadUrl(
            "the URL cannot be read: is its port a number, is each special character in it %-escaped?"
        ) from error
    return parts, port


def _shown(url: str) -> str:
    """Without what may be a password."""
    return repr(url) if "@" not in url else "the URL"


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
