"""Something that listens where a broker should, and says what the test makes it say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import mqtt5

from tests.support.ports import free_port

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

WELCOME = mqtt5.ConnAckPacket().write()


class FakeBroker:
    """Counts its connections; the script of each one is called with its streams."""

    def __init__(self, script: Script) -> None:
        self.port = free_port()
        self.connections = 0
        self._script = script
        self._writers = list[asyncio.StreamWriter]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            await self._script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, EOFError):
            pass
        finally:
            writer.close()

    def drop_all(self) -> None:
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def fake_broker(script: Script) -> AsyncIterator[FakeBroker]:
    broker = FakeBroker(script)
    server = await asyncio.start_server(broker.serve, "127.0.0.1", broker.port)
    try:
        yield broker
    finally:
        broker.drop_all()
        server.close()
        await server.wait_closed()


async def packet_from(reader: asyncio.StreamReader) -> mqtt5.Packet:
    """The next packet of the client; EOFError at its DISCONNECT, upon which a broker hangs up, or at the end."""
    packet = await any_packet_from(reader)
    if isinstance(packet, mqtt5.DisconnectPacket):
        raise EOFError  # noqa: TRY004  it is the type that is expected here
    return packet


async def any_packet_from(reader: asyncio.StreamReader) -> mqtt5.Packet:
    """The next packet of the client, DISCONNECT included."""
    data = b""
    while True:
        try:
            return mqtt5.read(memoryview(data))[0]
        except IndexError:
            byte = await reader.read(1)
            if not byte:
                raise EOFError from None
            data += byte


async def until_gone(reader: asyncio.StreamReader) -> None:
    """Read and say nothing until the client leaves."""
    while True:
        await packet_from(reader)
