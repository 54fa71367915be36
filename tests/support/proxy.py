"""A TCP proxy that can go silent: what is sent through it then is neither delivered nor refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

HOST = "127.0.0.1"


class Proxy:
    """While `silent` nothing passes; a connection that stood then is dead also afterwards, as behind a cut cable."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._passing = asyncio.Event()
        self._passing.set()
        self._tasks = set[asyncio.Task[None]]()
        self._writers = set[asyncio.StreamWriter]()

    def go_silent(self) -> None:
        self._passing.clear()

    def pass_again(self) -> None:
        """For new connections."""
        for task in self._tasks:
            task.cancel()
        self._passing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._passing.wait()
            inward, outward = await asyncio.open_connection(HOST, self._target)
            self._writers.add(outward)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(reader, outward))
                tasks.create_task(self._pump(inward, writer))
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                await self._passing.wait()
                sink.write(data)
        sink.close()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy.serve, HOST, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.close()
        server.close()
        await server.wait_closed()
