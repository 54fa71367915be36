"""The web server inside our own loop: our signals, our sockets."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv6Address
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

GRACE_S: Final = 2
HEAD_WITHIN_S: Final = 20.0
MAX_UNREAD_BYTES: Final = 1024 * 1024
MAX_MESSAGE_BYTES: Final = 1024 * 1024


class _Server(uvicorn.Server):
    """Uvicorn would take the process's signals for itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Http(H11Protocol):
    """Whoever connects asks soon, or goes: a request's head that trickles in would hold its connection for ever."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.client = _unmapped(self.client)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._be_patient()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        if is_answering or self.transport.get_protocol() is not self:
            self._be_patient()
        elif self._patience is None:
            self._patience = self.loop.call_later(HEAD_WITHIN_S, self.transport.abort)

    def _be_patient(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class _Socket(WebSocketsSansIOProtocol):
    """A peer that reads nothing costs a bounded number of bytes and ends in bounded time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.client = _unmapped(self.client)

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


def _unmapped(peer: tuple[str, int] | None) -> tuple[str, int] | None:
    """A socket that takes both calls 10.0.0.1 ::ffff:10.0.0.1; limits, records and trusted proxies mean 10.0.0.1."""
    if peer is None or ":" not in peer[0]:
        return peer
    mapped = IPv6Address(peer[0]).ipv4_mapped
    return peer if mapped is None else (str(mapped), peer[1])


async def serve(app: ASGIApp, listener: socket.socket, *, trusted_proxies: Sequence[str] = ()) -> None:
    """Serve until cancelled; then answer what is under way, close the sockets, and end within two seconds.

    Only of `trusted_proxies` is it believed for whom they ask, and whether that one came by https.
    """
    config = uvicorn.Config(
        app,
        http=_Http,
        ws=_Socket,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        ws_per_message_deflate=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
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
