"""Sockets in the browser. Its callbacks come in the same thread as everything else, so nothing here is locked."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from js import WebSocket, location
from pyodide.ffi import create_proxy

from sunsweep.app.net.http import UnreachableError
from sunsweep.app.net.socket import ABNORMAL, MAX_WAITING

FELL_BEHIND: Final = 4000
"""The code that we close with when too much waits: a browser's socket cannot be told to wait."""


class BrowserSocket:
    def __init__(self, url: str) -> None:
        self._texts: deque[str] = deque()
        self._stirred = asyncio.Event()
        self._is_open = False
        self._code: int | None = None
        self._socket = WebSocket.new(url)
        self._proxies = {
            name: create_proxy(handler)
            for name, handler in (
                ("open", self._on_open),
                ("message", self._on_message),
                ("close", self._on_close),
            )
        }
        for name, proxy in self._proxies.items():
            self._socket.addEventListener(name, proxy)

    async def opened(self) -> None:
        """Raises `UnreachableError`; a browser tells no script why."""
        while not self._is_open:
            if self._code is not None:
                raise UnreachableError(f"the socket did not open ({self._code})")
            await self._stir()

    async def __aiter__(self) -> AsyncIterator[str]:
        while True:
            while self._texts:
                yield self._texts.popleft()
            if self._code is not None:
                return
            await self._stir()

    @property
    def close_code(self) -> int:
        return ABNORMAL if self._code is None else self._code

    def end(self) -> None:
        """Nothing is heard after it; a browser goes on by itself with a closing handshake that nobody answers."""
        for name, proxy in self._proxies.items():
            self._socket.removeEventListener(name, proxy)
            proxy.destroy()
        self._proxies = {}
        self._socket.close()

    def _on_open(self, _event: Any) -> None:
        self._is_open = True
        self._stirred.set()

    def _on_message(self, event: Any) -> None:
        if self._code is not None or not isinstance(event.data, str):
            return
        if len(self._texts) >= MAX_WAITING:
            self._texts.clear()
            self._code = FELL_BEHIND
            self._socket.close(FELL_BEHIND)
        else:
            self._texts.append(event.data)
        self._stirred.set()

    def _on_close(self, event: Any) -> None:
        if self._code is None:
            self._code = int(event.code)
        self._stirred.set()

    async def _stir(self) -> None:
        self._stirred.clear()
        await self._stirred.wait()


@asynccontextmanager
async def browser_socket(path: str) -> AsyncIterator[BrowserSocket]:
    """A socket of the server that the page comes from; the login's cookie goes along by itself."""
    scheme = "wss" if location.protocol == "https:" else "ws"
    socket = BrowserSocket(f"{scheme}://{location.host}{path}")
    try:
        await socket.opened()
        yield socket
    finally:
        socket.end()
