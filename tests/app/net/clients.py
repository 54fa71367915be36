"""The app's core against a real server: as a window, and as tabs of one browser."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from sunsweep.app.net.api import Api
from sunsweep.app.net.http_native import NativeHttp
from sunsweep.app.net.login import CookieLogin, Login, TokenLogin
from sunsweep.app.net.server import Server, _nothing_told
from sunsweep.app.net.server_clock import ServerClock
from sunsweep.app.net.session import Session
from sunsweep.app.net.socket_native import native_sockets
from sunsweep.app.net.turns import InTurn, alone
from tests.support.platform import HOST, PASSWORD, Platform

ADMIN = "admin@example.com"
OPERATOR = "operator@example.com"
ROOT = "root@example.com"


class Counted(NativeHttp):
    """Remembers what was asked."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        super().__init__(client)
        self.asked: list[str] = []

    async def request(self, method: str, path: str, **more: Any) -> Any:
        self.asked.append(f"{method} {path}")
        return await super().request(method, path, **more)

    def count(self, what: str) -> int:
        return sum(one == what for one in self.asked)


class Client:
    """One program, or one tab."""

    def __init__(self, client: httpx.AsyncClient, login: Login, url: str, in_turn: InTurn) -> None:
        self.http = Counted(client)
        self.login = login
        self.signed_out = 0
        self.session = Session(self.http, login, clock=ServerClock(), on_signed_out=self._signed_out, in_turn=in_turn)
        self.api = Api(self.http, self.session)
        self.server = Server(self.api, native_sockets(url, lambda: login.headers("GET"), proxy=None), _nothing_told)

    def _signed_out(self) -> None:
        self.signed_out += 1


@asynccontextmanager
async def window(site: Platform, email: str | None = ADMIN, *, port: int | None = None) -> AsyncIterator[Client]:
    """A native app, logged in as somebody of company 1; `port`: through a proxy."""
    url = f"http://{HOST}:{port or site.settings.port}"
    async with httpx.AsyncClient(base_url=url, verify=False, trust_env=False) as client:
        found = Client(client, TokenLogin(), url, alone)
        if email is not None:
            await found.api.log_in(email, PASSWORD)
        yield found


@asynccontextmanager
async def tabs(site: Platform, number: int) -> AsyncIterator[tuple[httpx.AsyncClient, list[Client]]]:
    """Tabs of one browser: one cookie jar, and turns that they take."""
    lock = asyncio.Lock()

    async def in_turn(work: Callable[[], Awaitable[None]]) -> None:
        async with lock:
            await work()

    async with site.web() as browser:
        yield browser, [Client(browser, CookieLogin(), site.url, in_turn) for _ in range(number)]
