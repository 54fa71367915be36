"""EMQX's admin interface as a program meets it: logins by key, pages of clients, 204 and 404; over real HTTP."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, unquote, urlsplit

KEY = "a-key"
SECRET = "its-secret"
_AUTHORIZATION = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()


@dataclass
class EmqxApi:
    """Sessions by clientid with the username of each; what was asked for; an answer of the test's own."""

    sessions: dict[str, str] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    answer: Callable[[str], tuple[int, bytes] | None] = lambda _: None
    dashboard: dict[str, str] = field(default_factory=dict)
    """Its people and their passwords; a login there needs no key."""
    date: str = ""
    """What time it says it is, as HTTP has it; empty: it says nothing."""
    lingers: int = 0
    """For how many looks a session that was ended is still shown."""
    port: int = 0
    _ended: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, clientid: str, username: str) -> None:
        self.sessions[clientid] = username
        self.cached.add(clientid)

    def handle(self, method: str, target: str, authorization: str, body: bytes = b"") -> tuple[int, bytes]:
        self.asked.append(f"{method} {target}")
        if f"{method} {target}" == "POST /api/v5/login":
            return self._log_in(**json.loads(body))
        if authorization != _AUTHORIZATION:
            return HTTPStatus.UNAUTHORIZED, b'{"code":"BAD_API_KEY_OR_SECRET"}'
        if (told := self.answer(f"{method} {target}")) is not None:
            return told
        parts = urlsplit(target)
        path = [unquote(segment) for segment in parts.path.split("/")[1:]]
        if path == ["api", "v5", "clients"] and method == "GET":
            return HTTPStatus.OK, self._page({name: values[0] for name, values in parse_qs(parts.query).items()})
        if path[:3] == ["api", "v5", "clients"] and method == "DELETE":
            return self._delete(*path[3:])
        return HTTPStatus.NOT_FOUND, b'{"code":"API_NOT_EXIST"}'

    def _log_in(self, *, username: str, password: str) -> tuple[int, bytes]:
        if self.dashboard.get(username) != password:
            return HTTPStatus.UNAUTHORIZED, b'{"code":"BAD_USERNAME_OR_PWD","message":"Auth failed"}'
        return HTTPStatus.OK, b'{"token":"a-token","version":"5.3.0","license":{"edition":"opensource"}}'

    def _delete(self, clientid: str, *what: str) -> tuple[int, bytes]:
        if clientid not in self.sessions:
            return HTTPStatus.NOT_FOUND, b'{"code":"CLIENTID_NOT_FOUND"}'
        if what == ("authorization", "cache"):
            self.cached.discard(clientid)
        else:
            assert what == ()
            self._ended.setdefault(clientid, self.lingers)
        return HTTPStatus.NO_CONTENT, b""

    def _page(self, query: dict[str, str]) -> bytes:
        for clientid, looks in list(self._ended.items()):
            if looks == 0:
                del self.sessions[clientid], self._ended[clientid]
            else:
                self._ended[clientid] = looks - 1
        page, limit = int(query["page"]), int(query["limit"])
        found = [clientid for clientid, username in sorted(self.sessions.items()) if username == query["username"]]
        shown = found[(page - 1) * limit : page * limit]
        data = [{"clientid": one, "username": query["username"], "connected": True} for one in shown]
        return json.dumps({"data": data, "meta": {"count": len(found), "limit": limit, "page": page}}).encode()


@asynccontextmanager
async def running_api() -> AsyncIterator[EmqxApi]:
    """On a port of its own."""
    api = EmqxApi()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, target, _ = line.decode().split()
                headers = {}
                while (header := (await reader.readline()).decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                given = await reader.readexactly(int(headers.get("content-length", "0")))
                status, body = api.handle(method, target, headers.get("authorization", ""), given)
                writer.write(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode())
                length = b"" if status == HTTPStatus.NO_CONTENT else f"content-length: {len(body)}\r\n".encode()
                date = f"date: {api.date}\r\n".encode() if api.date else b""
                writer.write(length + date + b"\r\n" + body)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    api.port = server.sockets[0].getsockname()[1]
    try:
        yield api
    finally:
        server.close()
        await server.wait_closed()
