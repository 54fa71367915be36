"""Sockets outside the browser, through the websockets package."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from sunsweep.app.net.http import UnreachableError
from sunsweep.app.net.socket import ABNORMAL, MAX_MESSAGE_BYTES, Connect, Socket

PING_S: Final = 10.0
_CLOSE_WITHIN_S: Final = 0.5
_MAX_QUEUE: Final = 64
"""Messages; beyond it nothing more is read, and the server holds back and tells of it (`lagged`)."""


class NativeSocket:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def __aiter__(self) -> AsyncIterator[str]:
        with suppress(ConnectionClosed):
            while True:
                text = await self._connection.recv()
                if isinstance(text, str):
                    yield text

    @property
    def close_code(self) -> int:
        return self._connection.close_code or ABNORMAL


def native_sockets(base_url: str, headers: Callable[[], Mapping[str, str]], **options: Any) -> Connect:
    """Sockets of the server at `base_url`, opened with the login's headers of that moment."""
    parts = urlsplit(base_url)
    root = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{parts.path.rstrip('/')}"

    @asynccontextmanager
    async def opened(path: str) -> AsyncIterator[Socket]:
        try:
            connection = await connect(
                root + path,
                additional_headers=headers(),
                open_timeout=None,
                close_timeout=_CLOSE_WITHIN_S,
                ping_interval=PING_S,
                ping_timeout=PING_S,
                max_size=MAX_MESSAGE_BYTES,
                max_queue=_MAX_QUEUE,
                **options,
            )
        except (OSError, WebSocketException, EOFError) as error:
            raise UnreachableError(str(error) or type(error).__name__) from error
        try:
            yield NativeSocket(connection)
        finally:
            await connection.close()

    return opened
