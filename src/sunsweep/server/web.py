"""The web server inside our own loop: our signals, our sockets."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

GRACE_S: Final = 2
MAX_UNREAD_BYTES: Final = 1024 * 1024
MAX_MESSAGE_BYTES: Final = 1024 * 1024
BACKLOG: Final = 2048


class _Server(uvicorn.Server):
    """Uvicorn would take the process's signals for itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Socket(WebSocketsSansIOProtocol):
    """A peer that reads nothing costs a bounded number of bytes and ends in bounded time."""

    def data_received(self, data: bytes) -> None:
        """Each of his pings is answered, into the buffer that he does not empty."""
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.transport.abort()

    async def run_asgi(self) -> None:
        """A closing transport waits until all is read, without an end."""
        await super().run_asgi()
        if not self.disconnected:
            self.loop.call_later(self.close_timeout, self.transport.abort)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises `OSError` where the port is busy."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


async def serve(app: FastAPI, listener: socket.socket) -> None:
    """Serve until cancelled; then answer what is under way, close the sockets, and end within two seconds."""
    config = uvicorn.Config(
        app,
        ws=_Socket,
        ws_per_message_deflate=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="web-server")
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await asyncio.wait([serving], timeout=GRACE_S + 1)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        raise
