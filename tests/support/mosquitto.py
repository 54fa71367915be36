"""Debian's mosquitto_pub and mosquitto_sub: a bare machine, as somebody else would build it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.programs import find_program

HOST = "127.0.0.1"
_TALK = (b"Client ", b"Subscribed ")


async def publish(
    port: int, topic: str, payload: str | bytes, *options: str, username: str | None = None, password: str | None = None
) -> tuple[int, str]:
    """One message; the exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        find_program("mosquitto_pub"), *_where(port, username, password), "-t", topic, "-s", *options,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate(payload.encode() if isinstance(payload, str) else payload)
    return process.returncode or 0, output.decode()


class Subscriber:
    """A running mosquitto_sub; `-d` makes it tell of its SUBACK among the payloads."""

    def __init__(self, process: asyncio.subprocess.Process, output: asyncio.StreamReader) -> None:
        self.process = process
        self._output = output

    async def subscribed(self) -> None:
        async with asyncio.timeout(30):
            while not (await self._line()).startswith(b"Subscribed"):
                pass

    async def message(self, *, within_s: float = 30.0) -> str:
        """The next payload, of one line."""
        async with asyncio.timeout(within_s):
            while (line := await self._line()).startswith(_TALK):
                pass
        return line.decode().rstrip("\n")

    async def _line(self) -> bytes:
        line = await self._output.readline()
        assert line, "mosquitto_sub has ended"
        return line


@asynccontextmanager
async def subscriber(
    port: int, topic: str, *options: str, username: str | None = None, password: str | None = None
) -> AsyncIterator[Subscriber]:
    """A subscriber that has its SUBACK."""
    process = await asyncio.create_subprocess_exec(
        # Into a pipe it would print by the block.
        find_program("stdbuf"), "-oL", find_program("mosquitto_sub"), *_where(port, username, password),
        "-t", topic, "-d", *options,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    running = Subscriber(process, process.stdout)
    try:
        await running.subscribed()
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _where(port: int, username: str | None, password: str | None) -> list[str]:
    login = ["-u", username] if username is not None else []
    return ["-h", HOST, "-p", str(port), *login, *(["-P", password] if password is not None else [])]
