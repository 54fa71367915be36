"""`WS /mqtt`: MQTT over WebSocket for a local broker that speaks only TCP.

Bytes go both ways as they are. Who may do what is the broker's to decide, by the login in MQTT itself: cookies and
Origin mean nothing here, for no browser's cookie opens anything at the broker.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse

from sunsweep.contract.frames import Close
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server import metrics

MAX_FRAME_BYTES: Final = 1024 * 1024
"""Of one message, however many frames it comes in; a packet may span messages."""
_SUBPROTOCOL: Final = "mqtt"
_CHUNK_BYTES: Final = 32 * 1024
_END_WITHIN_S: Final = 1.0

_TEXT: Final = Close(1003, "MQTT comes in binary frames")
_SILENT: Final = Close(1008, "the broker was given nothing to answer")
_ENDED: Final = Close(1000, "the broker has ended the connection")

router = APIRouter()


@dataclass
class Door:
    """Where the broker is, and how many may be on their way to it at once."""

    broker: ConnectionSettings
    places: int
    patience_s: float = 10.0
    """From the first byte until the broker's welcome."""
    open: int = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[bool]:
        """Whether there is one; held until the end of the block."""
        if self.open >= self.places:
            metrics.DOOR_REFUSED.labels("full").inc()
            yield False
            return
        self.open += 1
        metrics.DOOR_OPEN.inc()
        try:
            yield True
        finally:
            self.open -= 1
            metrics.DOOR_OPEN.dec()


@router.websocket("/mqtt")
async def mqtt(socket: WebSocket) -> None:
    """One client of the broker, from handshake to end."""
    door: Door = socket.app.state.door
    if _SUBPROTOCOL not in socket.scope["subprotocols"]:
        metrics.DOOR_REFUSED.labels("subprotocol").inc()
        await _refuse(socket, 400, "MQTT over WebSocket needs the subprotocol `mqtt`")
        return
    async with door.place() as free:
        if not free:
            await _refuse(socket, 503, "too many connections; come again later")
            return
        try:
            async with asyncio.timeout(door.patience_s):
                broker = await asyncio.open_connection(door.broker.host, door.broker.port, ssl=door.broker.tls)
        except OSError:
            metrics.DOOR_REFUSED.labels("broker_away").inc()
            await _refuse(socket, 503, "the broker does not answer")
            return
        await _carry(socket, *broker, patience_s=door.patience_s)


async def _refuse(socket: WebSocket, status: int, words: str) -> None:
    with suppress(WebSocketDisconnect):
        await socket.send_denial_response(PlainTextResponse(words, status))


async def _carry(
    socket: WebSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, patience_s: float
) -> None:
    """Until either side ends; then the other one is ended too."""
    try:
        await socket.accept(subprotocol=_SUBPROTOCOL)
        work = [
            asyncio.create_task(_inward(socket, writer), name="door-inward"),
            asyncio.create_task(_outward(reader, socket, patience_s), name="door-outward"),
        ]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        await _close(socket, next((why for task in done if (why := task.result()) is not None), None))
    except WebSocketDisconnect:
        return
    finally:
        await _hang_up(writer)


async def _inward(socket: WebSocket, writer: asyncio.StreamWriter) -> Close | None:
    """Nothing is read from the socket before the broker has taken what was read; None when the peer has left."""
    with suppress(ConnectionError):
        while (message := await socket.receive())["type"] == "websocket.receive":
            data: bytes | None = message.get("bytes")
            if data is None:
                return _TEXT
            writer.write(data)
            await writer.drain()
        return None
    return _ENDED


async def _outward(reader: asyncio.StreamReader, socket: WebSocket, patience_s: float) -> Close | None:
    """Nothing is read from the broker before the socket has taken what was read; None when the peer has left."""
    with suppress(ConnectionError):
        try:
            async with asyncio.timeout(patience_s):
                data = await reader.read(_CHUNK_BYTES)
        except TimeoutError:
            metrics.DOOR_REFUSED.labels("silent").inc()
            return _SILENT
        while data:
            try:
                await socket.send_bytes(data)
            except (WebSocketDisconnect, RuntimeError):
                return None
            data = await reader.read(_CHUNK_BYTES)
    return _ENDED


async def _close(socket: WebSocket, why: Close | None) -> None:
    """One who reads nothing is not waited for."""
    if why is None:
        return
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(_END_WITHIN_S):
            await socket.close(why.code, why.reason)


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """What the peer said last still goes out, a DISCONNECT among it; a broker that takes nothing is not waited for."""
    writer.close()
    try:
        with suppress(OSError):
            async with asyncio.timeout(_END_WITHIN_S):
                await writer.wait_closed()
    finally:
        writer.transport.abort()
