"""The part of a check that goes into the network: names, ports, TLS, WebSocket; each step says what it met."""

import asyncio
import base64
import os
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from sunsweep.machine.certificates import BadCertificateError, tls_context
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.endpoint import Endpoint
from sunsweep.machine.findings import Finding, fail, ok, warn
from sunsweep.machine.server_call import ServerError, address, connection

STEP_S: Final = 8.0
_SOON_D: Final = 21
_DAY_S: Final = 86_400
_MOST_BYTES: Final = 8192


class Way(NamedTuple):
    """Whether a URL can be used from here, and what was met on the way."""

    endpoint: Endpoint
    open: bool
    findings: list[Finding]


class _Blocked(Exception):  # noqa: N818  ends the steps of one URL
    """The words say at which step and why."""


async def look_along(config: MachineConfig, endpoint: Endpoint) -> Way:
    """Walk the steps of one URL until one fails."""
    subject = _transport(endpoint)
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(4 * STEP_S):
            await _resolve(endpoint)
            reader, writer = await _open(config, endpoint, findings, subject)
            try:
                if endpoint.transport == "websockets":
                    await _upgrade(reader, writer, endpoint)
            finally:
                writer.close()
    except _Blocked as blocked:
        return Way(endpoint, open=False, findings=[*findings, fail(subject, str(blocked))])
    except (TimeoutError, OSError) as error:
        words = f"{endpoint}: broken off ({str(error) or type(error).__name__})"
        return Way(endpoint, open=False, findings=[*findings, fail(subject, words)])
    return Way(endpoint, open=True, findings=[ok(subject, f"{endpoint} can be reached"), *findings])


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


async def _resolve(endpoint: Endpoint) -> None:
    try:
        async with asyncio.timeout(STEP_S):
            await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise _Blocked("the name service (DNS) does not answer: is there a network at all?") from None
    except OSError as error:
        raise _Blocked(f"DNS knows no {endpoint.host}: {error.strerror or error}") from error


async def _open(
    config: MachineConfig, endpoint: Endpoint, findings: list[Finding], subject: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = await asyncio.to_thread(_context, config) if endpoint.tls else None
    try:
        async with asyncio.timeout(STEP_S):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
    except TimeoutError:
        raise _Blocked(f"{endpoint}: no answer; a firewall lets nothing through to this port") from None
    except ssl.SSLCertVerificationError as error:
        raise _Blocked(f"{endpoint}: its certificate is not good: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise _Blocked(f"{endpoint}: speaks no TLS that this machine does ({error.reason or error})") from error
    except ConnectionRefusedError as error:
        raise _Blocked(f"{endpoint}: refused; nobody listens there, or a firewall says no") from error
    except OSError as error:
        raise _Blocked(f"{endpoint}: {error.strerror or error}") from error
    if context is not None:
        findings.append(_validity(writer, subject))
    return reader, writer


def _context(config: MachineConfig) -> ssl.SSLContext:
    try:
        return tls_context(config.ca_file, config.client_cert_file, config.client_key_file)
    except BadCertificateError as error:
        raise _Blocked(str(error)) from error


def _validity(writer: asyncio.StreamWriter, subject: str) -> Finding:
    certificate = writer.get_extra_info("peercert")
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // _DAY_S)
    words = f"the certificate is good for {days} days more (until {certificate['notAfter']})"
    return warn(subject, words) if days < _SOON_D else ok(subject, words)


async def _upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, endpoint: Endpoint) -> None:
    """The handshake of RFC 6455 as far as the answer: proxies that know no WebSocket fail here."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        f"GET {endpoint.path} HTTP/1.1", f"Host: {endpoint.authority}", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: mqtt", "", "",
    )  # fmt: skip
    writer.write("\r\n".join(lines).encode())
    try:
        async with asyncio.timeout(STEP_S):
            answer = (await reader.readuntil(b"\r\n\r\n"))[:_MOST_BYTES].decode("latin-1")
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        raise _Blocked(f"{endpoint}: no answer to the WebSocket handshake") from None
    first, *headers = answer.lower().splitlines()
    if " 101" not in first:
        raise _Blocked(f"{endpoint}: no WebSocket there ({first.strip()}); a proxy may not let it pass")
    if not any(line.replace(" ", "") == "sec-websocket-protocol:mqtt" for line in headers):
        raise _Blocked(f"{endpoint}: a WebSocket, but none that speaks mqtt")
