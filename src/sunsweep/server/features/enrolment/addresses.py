"""Where machines find the broker, as they are told at their enrolment."""

import asyncio
import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from sunsweep.server.errors import UnavailableError
from sunsweep.server.settings import ServeSettings


def broker_urls(settings: ServeSettings, asked_host: str | None) -> list[str]:
    """Those of the settings; else the backend's own broker.

    If that listens beside the backend, it is where the machine has just found the backend: `asked_host`.
    """
    if settings.public_mqtt_urls:
        return list(settings.public_mqtt_urls)
    parts = urlsplit(settings.mqtt_url)
    host = parts.hostname or ""
    if asked_host and _is_loopback(host):
        host = asked_host
    shown = f"[{host}]" if ":" in host else host
    return [f"{parts.scheme}://{shown}" + (f":{parts.port}" if parts.port else "")]


async def ca_certificate(file: Path | None) -> str | None:
    """The CA that machines need for the broker, None where the system's own will do."""
    if file is None:
        return None
    try:
        return await asyncio.to_thread(file.read_text)
    except (OSError, UnicodeDecodeError) as error:
        raise UnavailableError("the broker's CA certificate (SUNSWEEP_MQTT_CA_FILE) cannot be read") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
