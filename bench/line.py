"""A line of a stated speed between a browser and the server: a TCP relay that counts what it carries.

All connections share the line, as they do at home: a byte waits for its turn, then for the way. Headers of TCP and IP
are not counted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

HOST: Final = "127.0.0.1"
CHUNK: Final = 16_384
"""Bytes that are let through in one turn: at 20 Mbit/s 6.5 ms."""
ON_THE_WAY: Final = 64
"""Chunks of a connection that are sent and not yet there; what is more waits at the sender."""
_REQUEST: Final = b" HTTP/1.1\r\n"


@dataclass(frozen=True)
class Speed:
    """`mbit_s` None is as fast as this computer is."""

    name: str
    mbit_s: float | None = None
    one_way_s: float = 0.0


LOOPBACK: Final = Speed("loopback")
HOME: Final = Speed("20 Mbit/s, 20 ms", 20.0, 0.020)


@dataclass
class Carried:
    """Bytes to the browser and from it, and HTTP requests."""

    down: int = 0
    up: int = 0
    requests: int = 0

    def since(self, before: "Carried") -> "Carried":
        return Carried(self.down - before.down, self.up - before.up, self.requests - before.requests)

    def now(self) -> "Carried":
        return Carried(self.down, self.up, self.requests)


class _Direction:
    """One way of the line."""

    def __init__(self, speed: Speed) -> None:
        self._speed = speed
        self._free_s = 0.0

    def arrives_s(self, size: int) -> float:
        """When, by the loop's clock, so many bytes that are sent now have come."""
        now = asyncio.get_running_loop().time()
        if self._speed.mbit_s is not None:
            self._free_s = max(now, self._free_s) + size * 8 / (self._speed.mbit_s * 1e6)
            now = self._free_s
        return now + self._speed.one_way_s


class Line:
    """To `target`; `port` is where a browser gets onto it."""

    def __init__(self, target: int, speed: Speed) -> None:
        self.carried = Carried()
        self.speed = speed
        self.port = 0
        self._target = target
        self._down, self._up = _Direction(speed), _Direction(speed)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # A handshake goes there and back before the first byte.
            await asyncio.sleep(2 * self.speed.one_way_s)
            back, forth = await asyncio.open_connection(HOST, self._target)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ask(reader, forth))
                group.create_task(self._answer(back, writer))
        except (asyncio.CancelledError, OSError):
            return
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tail = b""

        def count(data: bytes) -> None:
            nonlocal tail
            self.carried.up += len(data)
            self.carried.requests += (tail + data).count(_REQUEST)
            tail = data[-len(_REQUEST) + 1 :]

        await self._pass(reader, writer, self._up, count)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def count(data: bytes) -> None:
            self.carried.down += len(data)

        await self._pass(reader, writer, self._down, count)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        direction: _Direction,
        count: Callable[[bytes], None],
    ) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(ON_THE_WAY)

        async def take() -> None:
            with suppress(OSError):
                while data := await reader.read(CHUNK):
                    count(data)
                    await waiting.put((direction.arrives_s(len(data)), data))
            await waiting.put((0.0, b""))

        async def give() -> None:
            loop = asyncio.get_running_loop()
            with suppress(OSError):
                while (due := await waiting.get())[1]:
                    if (wait_s := due[0] - loop.time()) > 0:
                        await asyncio.sleep(wait_s)
                    writer.write(due[1])
                    await writer.drain()
            writer.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(take())
            group.create_task(give())


@asynccontextmanager
async def line_to(target: int, speed: Speed) -> AsyncIterator[Line]:
    line = Line(target, speed)
    server = await asyncio.start_server(line.serve, HOST, 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        await line.close()
        await server.wait_closed()
