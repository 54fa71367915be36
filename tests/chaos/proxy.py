"""A TCP relay that misbehaves as told: a network between two parts of the platform."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

HOST = "127.0.0.1"
_RST_AT_CLOSE = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Pair:
    """One connection: its two ends, and whether what they say is lost on the way."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    deaf: bool = False

    def reset(self) -> None:
        for end in self.ends:
            raw = end.get_extra_info("socket")
            if raw.fileno() >= 0:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_AT_CLOSE)
            end.transport.abort()


class Proxy:
    """Passes bytes on to `target_port`, until told otherwise; `heal` ends every disturbance."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.delay_s = 0.0
        self._target_port = target_port
        self._pairs: set[Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._moving = asyncio.Event()
        self._moving.set()
        self._refusing = False

    def cut(self) -> None:
        """Reset every connection, and those that come."""
        self._refusing = True
        for pair in self._pairs:
            pair.reset()

    def hold(self) -> None:
        """Nothing moves; connections are accepted, and go on where they were after `heal`."""
        self._moving.clear()

    def swallow(self) -> None:
        """As `hold`, but what stands now stays silent for ever: only the end of a side is told to the other one."""
        for pair in self._pairs:
            pair.deaf = True
        self._moving.clear()

    def heal(self) -> None:
        self._refusing = False
        self.delay_s = 0.0
        self._moving.set()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._relay(reader, writer)
        except asyncio.CancelledError:
            # Only `close` cancels, and asyncio's streams complain of a handler that ends so.
            return
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._moving.wait()
        if self._refusing:
            return
        try:
            back, forth = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            return
        pair = Pair((writer, forth))
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, forth, pair))
                group.create_task(self._pass(back, writer, pair))
        finally:
            self._pairs.discard(pair)
            forth.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: Pair) -> None:
        try:
            while data := await reader.read(65_536):
                await self._moving.wait()
                if pair.deaf:
                    continue
                await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        except OSError:
            pair.reset()
        await self._moving.wait()
        writer.close()


@asynccontextmanager
async def proxy_to(target_port: int, port: int = 0) -> AsyncIterator[Proxy]:
    """A proxy on a port of its own."""
    proxy = Proxy(target_port)
    server = await asyncio.start_server(proxy.relay, HOST, port)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await server.wait_closed()
