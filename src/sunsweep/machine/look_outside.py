"""The part of a check that goes into the network, on the very way that the program itself takes."""

import asyncio
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from aiomqtt import MqttError

from sunsweep.machine.config import MachineConfig
from sunsweep.machine.connection import answers
from sunsweep.machine.endpoint import Endpoint
from sunsweep.machine.findings import Finding, fail, ok, warn
from sunsweep.machine.reasons import in_words
from sunsweep.machine.server_call import ServerError, address, connection

_SOON_D: Final = 21
_DAY_S: Final = 86_400


class Way(NamedTuple):
    """Whether a URL can be used from here, and what was met on the way."""

    endpoint: Endpoint
    open: bool
    findings: list[Finding]


async def look_along(config: MachineConfig, endpoint: Endpoint, *, now_ms: int) -> Way:
    """Proxy, TCP, TLS and WebSocket, until one fails."""
    subject = _transport(endpoint)
    try:
        good_until = await answers(config, endpoint)
    except MqttError as error:
        words = f"{endpoint}: {in_words(error, endpoint, config.proxy, now_ms=now_ms)}"
        return Way(endpoint, open=False, findings=[fail(subject, words)])
    findings = [ok(subject, f"{endpoint} can be reached")]
    if good_until is not None:
        findings.append(_validity(subject, good_until, now_ms))
    return Way(endpoint, open=True, findings=findings)


async def server_ahead_s(server: str) -> float:
    """How far a server's clock is before ours, to a second; raises `ServerError`."""
    return await asyncio.to_thread(_ahead_s, server)


def _ahead_s(server: str) -> float:
    where = address(server)
    link = connection(where)
    try:
        link.request("GET", "/healthz")
        said = link.getresponse().headers["date"]
        return parsedate_to_datetime(said).timestamp() - time.time()
    except (OSError, ValueError, TypeError) as error:
        raise ServerError(f"{server} does not tell its time: {error}") from error
    finally:
        link.close()


def _transport(endpoint: Endpoint) -> str:
    name = "mqtt" if endpoint.transport == "tcp" else "ws"
    return name + ("s" if endpoint.tls else "")


def _validity(subject: str, good_until: str, now_ms: int) -> Finding:
    days = int((ssl.cert_time_to_seconds(good_until) - now_ms / 1000) // _DAY_S)
    words = f"the certificate is good for {days} days more (until {good_until})"
    return warn(subject, words) if days < _SOON_D else ok(subject, words)
