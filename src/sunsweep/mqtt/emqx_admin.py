"""EMQX's admin interface (REST, v5): what MQTT itself cannot do, ending somebody else's sessions."""

import asyncio
import ssl
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from sunsweep.mqtt.port import MqttError

PAGE: Final = 100
TIMEOUT_S: Final = 3.0
_ROUNDS: Final = 5
_PAUSE_S: Final = 0.1
_GONE: Final = (HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)


Answer = TypeVar("Answer")


class EmqxError(MqttError):
    """EMQX was not reached, or did not do it; the message says why."""


class _Client(msgspec.Struct, frozen=True):
    clientid: str
    username: str | None = None


class _Clients(msgspec.Struct, frozen=True):
    data: list[_Client]


class EmqxAdmin:
    """One EMQX, or any node of a cluster; `close` it."""

    def __init__(
        self,
        url: str,
        key: str,
        secret: str,
        *,
        ca_file: Path | None = None,
        timeout_s: float = TIMEOUT_S,
        page: int = PAGE,
    ) -> None:
        self._page = page
        tls: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca_file) if url.startswith("https:") else False
        self._http = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/api/v5/",
            auth=(key, secret),
            verify=tls,
            timeout=timeout_s,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def kick(self, username: str) -> None:
        """End every session of a login, the waiting ones too; there may be none. Raises `EmqxError`.

        It returns once EMQX shows none: an answer of 404 says only that there is nobody of that name now.
        """
        for _ in range(_ROUNDS):
            clients = await self._clients(username)
            if not clients:
                return
            for client in clients:
                await self._end(client)
            # EMQX takes them off its list a moment after its answer.
            await asyncio.sleep(_PAUSE_S)
        raise EmqxError(f"EMQX still has sessions of {username}: {', '.join(map(repr, clients[:5]))}")

    async def read(self, path: str, kind: type[Answer], **query: str) -> Answer:
        """What EMQX shows under `path`, as JSON of this kind; raises `EmqxError`."""
        answer = await self._ask("GET", path, query, right=(HTTPStatus.OK,))
        return _decoded(answer, path, kind)

    async def session(self, client: str) -> dict[str, Any] | None:
        """What EMQX knows of a client's session, connected or not; None where there is none. Raises `EmqxError`."""
        path = f"clients/{_segment(client)}"
        answer = await self._ask("GET", path, {}, right=(HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return _decoded(answer, path, dict[str, Any])

    async def clock_ms(self) -> int:
        """What time it is there, in whole seconds; raises `EmqxError`."""
        answer = await self._ask("GET", "status", {}, right=(HTTPStatus.OK,))
        try:
            return round(parsedate_to_datetime(answer.headers["date"]).timestamp() * 1000)
        except (KeyError, ValueError) as error:
            raise EmqxError("EMQX does not tell its time") from error

    async def lets_in(self, username: str, password: str) -> bool:
        """Whether the dashboard knows this login; raises `EmqxError`."""
        login = {"username": username, "password": password}
        refused = (HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST)
        try:
            answer = await self._http.request("POST", "login", json=login, auth=None)
        except httpx.HTTPError as error:
            raise _not_reached(error) from error
        if answer.status_code not in (HTTPStatus.OK, *refused):
            raise EmqxError(f"EMQX answered {answer.status_code} to a login at its dashboard")
        return answer.status_code == HTTPStatus.OK

    async def _clients(self, username: str) -> list[str]:
        """The clientids of its sessions. All pages are read before any is ended, which would move the pages."""
        found: list[str] = []
        page = 1
        while True:
            query = {"username": username, "page": str(page), "limit": str(self._page)}
            answer = await self._ask("GET", "clients", query, right=(HTTPStatus.OK,))
            shown = _decoded(answer, "clients", _Clients).data
            found += [client.clientid for client in shown if client.username == username]
            if len(shown) < self._page:
                return found
            page += 1

    async def _end(self, client: str) -> None:
        """First what it was allowed: a session that comes back within the same connection would go by it."""
        for path in (f"clients/{_segment(client)}/authorization/cache", f"clients/{_segment(client)}"):
            await self._ask("DELETE", path, {}, right=_GONE)

    async def _ask(
        self, method: str, path: str, query: Mapping[str, str], *, right: Collection[HTTPStatus]
    ) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, params=query)
        except httpx.HTTPError as error:
            raise _not_reached(error) from error
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise EmqxError("EMQX does not know this key (SUNSWEEP_EMQX_KEY, SUNSWEEP_EMQX_SECRET)")
        if answer.status_code not in right:
            raise EmqxError(f"EMQX answered {answer.status_code} to {method} {path}: {answer.text[:200]}")
        return answer


def _not_reached(error: httpx.HTTPError) -> EmqxError:
    return EmqxError(f"EMQX was not reached: {str(error) or type(error).__name__}")


def _decoded(answer: httpx.Response, path: str, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as error:
        raise EmqxError(f"EMQX gave no answer that can be read to {path}: {error}") from error


def _segment(client: str) -> str:
    """A clientid is free: it may hold slashes, and dots that would lead out of the folder."""
    return quote(client, safe="").replace(".", "%2E")
