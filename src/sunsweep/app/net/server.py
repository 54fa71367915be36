"""The one server that the app talks to, by the means of where it runs."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from sunsweep.app.net.api import Api
from sunsweep.app.net.login import CookieLogin, TokenLogin
from sunsweep.app.net.server_clock import ServerClock
from sunsweep.app.net.session import Session
from sunsweep.app.net.socket import Connect

NetworkEvents = Callable[[Callable[[bool], None]], AbstractContextManager[None]]

IN_BROWSER = sys.platform == "emscripten"


@dataclass(frozen=True, slots=True)
class Server:
    """Its API, its sockets, and news of the network between."""

    api: Api
    connect: Connect
    network_events: NetworkEvents
    address: str = ""
    """Where it is, as scheme, host and port: for people to type elsewhere."""

    @property
    def clock(self) -> ServerClock:
        return self.api.session.clock


def _nothing_told(_on_change: Callable[[bool], None]) -> AbstractContextManager[None]:
    return nullcontext()


@asynccontextmanager
async def server(base_url: str = "", **options: Any) -> AsyncIterator[Server]:
    """In the browser the page's own server; elsewhere the one at `base_url`. `options` are httpx's, as `proxy`."""
    if IN_BROWSER:
        yield _of_the_page()
        return
    # Not at the top: the browser has no httpx, and what is native is not looked at there.
    import httpx  # noqa: PLC0415

    from sunsweep.app.net.http_native import NativeHttp  # noqa: PLC0415
    from sunsweep.app.net.socket_native import native_sockets  # noqa: PLC0415

    login = TokenLogin()
    async with httpx.AsyncClient(base_url=base_url, **options) as client:
        http = NativeHttp(client)
        session = Session(http, login, clock=ServerClock())
        connect = native_sockets(base_url, lambda: login.headers("GET"))
        yield Server(Api(http, session), connect, _nothing_told, base_url)


def _of_the_page() -> Server:
    from js import location  # noqa: PLC0415  exists in the browser only

    from sunsweep.app.net.http_browser import BrowserHttp  # noqa: PLC0415
    from sunsweep.app.net.network_browser import network_events  # noqa: PLC0415
    from sunsweep.app.net.socket_browser import browser_socket  # noqa: PLC0415
    from sunsweep.app.net.turns_browser import among_tabs  # noqa: PLC0415

    http = BrowserHttp()
    session = Session(http, CookieLogin(), clock=ServerClock(), in_turn=among_tabs)
    return Server(Api(http, session), browser_socket, network_events, str(location.origin))
