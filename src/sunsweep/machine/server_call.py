"""The one call that the machine makes to the backend's REST interface; each failure in plain words."""

import http.client
import ipaddress
import json
import socket
import ssl
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from msgspec import DecodeError, Meta, Struct, ValidationError
from msgspec.json import decode

from sunsweep.machine.endpoint import BadUrl, HttpProxy, parse_proxy

TIMEOUT_S: Final = 20.0
_MOST_BYTES: Final = 262_144
_PORTS: Final = {"http": 80, "https": 443}


class ServerError(Exception):
    """The server could not be asked, or said no; the message says what to do."""


class Enrolled(Struct, frozen=True):
    """What a code is exchanged for. Unknown fields are left alone: servers grow."""

    company_id: int
    machine_id: str
    mqtt_username: str
    mqtt_password: str
    brokers: Annotated[list[str], Meta(min_length=1)]
    ca: str | None = None


class _Problem(Struct, frozen=True):
    detail: str = ""


def redeem(server: str, code: str, *, ca_file: Path | None = None, insecure: bool = False) -> Enrolled:
    """Exchange the code; raises `ServerError`."""
    where = address(server)
    if where.scheme == "http" and not insecure:
        _require_near(where)
    body = json.dumps({"code": code.strip()}).encode()
    status, content = _post(where, f"{where.path.rstrip('/')}/api/v1/enrol", body, ca_file)
    if status == http.HTTPStatus.OK:
        return _enrolled(server, content)
    raise ServerError(_why(server, status, content))


def address(server: str) -> SplitResult:
    """A server's URL; raises `ServerError`."""
    try:
        parts = urlsplit(server)
        _ = parts.port
    except ValueError as error:
        raise ServerError(f"{server!r}: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ServerError(f"{server!r} is no server's address: it looks like https://sunsweep.example")
    return parts


def connection(where: SplitResult, ca_file: Path | None = None) -> http.client.HTTPConnection:
    """Not yet open, through the site's proxy where `https_proxy` or `http_proxy` names one; raises `ServerError`."""
    host, port = where.hostname or "", where.port
    proxy = _proxy(where)
    first = (host, port) if proxy is None else (proxy.host, proxy.port)
    if where.scheme == "http":
        link = http.client.HTTPConnection(*first, timeout=TIMEOUT_S)
    else:
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ServerError(f"the CA file {ca_file} cannot be used: {error}") from error
        link = http.client.HTTPSConnection(*first, timeout=TIMEOUT_S, context=context)
    if proxy is not None:
        headers = {} if proxy.authorization is None else {"Proxy-Authorization": proxy.authorization}
        link.set_tunnel(host, port or _PORTS[where.scheme], headers)
    return link


def site_proxy(where: SplitResult) -> str | None:
    """The URL of the proxy that the environment names for this server."""
    return None if proxy_bypass(where.hostname or "") else getproxies().get(where.scheme)


def _proxy(where: SplitResult) -> HttpProxy | None:
    named = site_proxy(where)
    try:
        return None if named is None else parse_proxy(named)
    except BadUrl as error:
        raise ServerError(f"{where.scheme}_proxy: {error}") from error


def _require_near(where: SplitResult) -> None:
    """Without TLS a password goes no further than this computer or its own network."""
    host = where.hostname or ""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, where.port or 80, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise ServerError(f"there is no such name as {host} in this network ({error.strerror})") from error
    if not all(ipaddress.ip_address(one).is_private for one in found):
        raise ServerError(
            f"http:// would send the machine's password in the clear over the Internet to {host}; "
            "use https://, or say --insecure if you mean it"
        )


def _post(where: SplitResult, path: str, body: bytes, ca_file: Path | None) -> tuple[int, bytes]:
    with closing(connection(where, ca_file)) as link:
        _open(link, where)
        try:
            link.request("POST", path, body, {"content-type": "application/json", "accept": "application/json"})
            with link.getresponse() as answer:
                return answer.status, answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(
                f"{where.hostname} broke off before its answer was here ({str(error) or type(error).__name__}): "
                "the code may be spent. Try it once more, and ask for a new one if it is refused"
            ) from error


def _open(link: http.client.HTTPConnection, where: SplitResult) -> None:
    try:
        link.connect()
    except ssl.SSLCertVerificationError as error:
        raise ServerError(
            f"{where.hostname}'s certificate is not trusted: {error.verify_message}. Is the clock right? "
            "A certificate of your own needs --ca FILE"
        ) from error
    except socket.gaierror as error:
        raise ServerError(f"there is no such name as {where.hostname} in this network ({error.strerror})") from error
    except OSError as error:
        words = error.strerror or str(error) or "no answer"
        raise ServerError(f"{where.geturl()} cannot be reached: {words}. The code is not spent") from error


def _enrolled(server: str, content: bytes) -> Enrolled:
    try:
        return decode(content, type=Enrolled)
    except (DecodeError, ValidationError) as error:
        raise ServerError(f"{server} does not answer as a Sunsweep server does: {error}") from error


def _why(server: str, status: int, content: bytes) -> str:
    detail = _detail(content)
    if status == http.HTTPStatus.NOT_FOUND and detail is not None:
        return f"{server} does not take this code: it is wrong, used or expired. Ask for a new one"
    if status == http.HTTPStatus.TOO_MANY_REQUESTS:
        return f"{server} was asked too often; wait a minute and try again. The code is not spent"
    if status in range(300, 400):
        return f"{server} sends this program elsewhere (HTTP {status}); give the address that it ends at"
    if detail is None:
        return f"there is no Sunsweep server at {server}: HTTP {status}"
    return f"{server} says: {detail} (HTTP {status})"


def _detail(content: bytes) -> str | None:
    """Of a problem document; None where there is none, so that it was not our backend that answered."""
    try:
        problem: Any = decode(content, type=_Problem)
    except (DecodeError, ValidationError):
        return None
    return str(problem.detail) or None
