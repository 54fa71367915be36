"""Where machines find the broker, as they are told at their enrolment."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import URL

from sunsweep.server.errors import UnavailableError
from sunsweep.server.features.accounts.networks import is_loopback
from sunsweep.server.settings import ServeSettings


def broker_urls(settings: ServeSettings, asked: URL) -> list[str]:
    """Those of the settings; else the backend's own broker, and `/mqtt` where the backend carries that.

    A broker that listens beside the backend is where the machine has just `asked` the backend.
    """
    if settings.public_mqtt_urls:
        return list(settings.public_mqtt_urls)
    parts = urlsplit(settings.mqtt_url)
    host = parts.hostname or ""
    if asked.hostname and is_loopback(host):
        host = asked.hostname
    urls = [f"{parts.scheme}://{_bracketed(host)}" + (f":{parts.port}" if parts.port else "")]
    if settings.mqtt_door:
        # With its port: for MQTT another one than the web's is usual.
        scheme, usual = ("wss", 443) if asked.scheme == "https" else ("ws", 80)
        urls.append(f"{scheme}://{_bracketed(asked.hostname or host)}:{asked.port or usual}/mqtt")
    return urls


async def ca_certificate(file: Path | None) -> str | None:
    """The CA that machines need for the broker, None where the system's own will do."""
    if file is None:
        return None
    try:
        return await asyncio.to_thread(file.read_text)
    except (OSError, UnicodeDecodeError) as error:
        raise UnavailableError("the broker's CA certificate (SUNSWEEP_MQTT_CA_FILE) cannot be read") from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
