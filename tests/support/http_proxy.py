"""A site's HTTP proxy: CONNECT and nothing else, with a user name and a password."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

HOST = "127.0.0.1"


class HttpProxy:
    def __init__(self, login: str | None) -> None:
        self.port = 0
        self.asked: list[str] = []
        self._header = None if login is None else f"Proxy-Authorization: Basic {b64encode(login.encode()).decode()}"
        self._writers = set[asyncio.StreamWriter]()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        assert method == "CONNECT"
        if self._header is not None and self._header not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
            writer.close()
            return
        self.asked.append(target)
        try:
            inward, outward = await asyncio.open_connection(HOST, int(target.rpartition(":")[2]))
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            writer.close()
            return
        self._writers.add(outward)
        writer.write(b"HTTP/1.1 200 Connection established\r\nX-Proxy: tests\r\n\r\n")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_pump(reader, outward))
            tasks.create_task(_pump(inward, writer))

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    sink.close()


@asynccontextmanager
async def http_proxy(login: str | None = None) -> AsyncIterator[HttpProxy]:
    proxy = HttpProxy(login)
    server = await asyncio.start_server(proxy.serve, HOST, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.close()
        await server.wait_closed()
