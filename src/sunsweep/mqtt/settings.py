"""Where a connection goes, and as whom."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """One login. A named persistent session is `clean_start=False` with a `session_expiry_s`."""

    host: str
    port: int = 1883
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    client_id: str = ""
    """Empty: the broker draws one."""
    clean_start: bool = True
    session_expiry_s: int = 0
    keep_alive_s: int = 30
    receive_maximum: int = 4000
    """How many QoS 1 messages the broker may have out unacknowledged: the back-pressure."""
    tls: ssl.SSLContext | None = None
    connect_timeout_s: float = 10
    max_packet_bytes: int = 4 * 1024 * 1024


def settings_from_url(url: str, *, client_id: str = "", ca_file: Path | None = None) -> ConnectionSettings:
    """Read `mqtt://[user:password@]host[:port]` or `mqtts://…`; `dataclasses.replace` adds the rest."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("a broker's address is mqtt://host[:port] or mqtts://host[:port]")
    return ConnectionSettings(
        host=parts.hostname,
        port=parts.port or DEFAULT_PORTS[parts.scheme],
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        client_id=client_id,
        tls=ssl.create_default_context(cafile=ca_file) if parts.scheme == "mqtts" else None,
    )
