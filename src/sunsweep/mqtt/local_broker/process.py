"""Mosquitto as a child: it dies with us, not with a key pressed in our terminal, and says what it does line by line."""

import asyncio
import ctypes
import os
import re
import resource
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sunsweep.mqtt.local_broker.errors import BrokerError

_PR_SET_PDEATHSIG: Final = 1
_STOP_WITHIN_S: Final = 20.0
"""With ten thousand connections to close and a queue to save it was seen to take four."""
_ASK_AGAIN_AFTER_S: Final = 0.3
_RELOAD_AGAIN_AFTER_S: Final = 1.0
_START_WITHIN_S: Final = 30.0
_MAX_LINE_BYTES: Final = 64 * 1024

_RUNNING: Final = re.compile(r"mosquitto version \S+ running")
_NEW_CONNECTION: Final = re.compile(r"New connection from ")
_RELOADING: Final = re.compile(r"Reloading config\.")

_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class BrokerProcess(asyncio.SubprocessProtocol):
    """One life of mosquitto."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = loop.create_future()
        self.pid = 0
        self._on_line = on_line
        self._transport: asyncio.SubprocessTransport | None = None
        self._expected: tuple[re.Pattern[str], asyncio.Future[None]] | None = None
        self._last_lines: deque[str] = deque(maxlen=5)
        self._rest = b""

    @property
    def alive(self) -> bool:
        return self._transport is not None and not self.exited.done()

    async def start(self, program: str, configuration: Path, *, address: tuple[str, int], inherited: int) -> None:
        """Returns once it serves; raises `BrokerError` with its own last words."""
        running = self._expect(_RUNNING)
        await self._spawn(program, configuration, inherited)
        await self._come(running)
        await self._serve_once(address)

    async def _spawn(self, program: str, configuration: Path, inherited: int) -> None:
        parent = os.getpid()
        self._transport, _ = await asyncio.get_running_loop().subprocess_exec(
            lambda: self,
            program,
            "-c",
            str(configuration),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            pass_fds=(inherited,),
            preexec_fn=lambda: _in_the_child(parent),
        )
        self.pid = self._transport.get_pid()

    async def _serve_once(self, address: tuple[str, int]) -> None:
        """It says that it runs a moment before it does, and in that moment forgets a SIGTERM; our death sends one."""
        serving = self._expect(_NEW_CONNECTION)
        with suppress(OSError):
            _, writer = await asyncio.open_connection(*address)
            writer.close()
        await self._come(serving)

    async def _come(self, line: asyncio.Future[None]) -> None:
        await _first_of(line, self.exited, timeout_s=_START_WITHIN_S)
        if not line.done():
            raise BrokerError(f"mosquitto did not start: {self.last_words()}")

    async def reload(self) -> None:
        """SIGHUP; returns once mosquitto has taken it up, or is dead. Callers wait for one another."""
        if not self.alive:
            return
        reloading = self._expect(_RELOADING)
        # Asked more than once: mosquitto forgets a SIGHUP that comes while it still reads for the one before.
        while not (reloading.done() or self.exited.done()):
            self._signal(signal.SIGHUP)
            await _first_of(reloading, self.exited, timeout_s=_RELOAD_AGAIN_AFTER_S)

    async def stop(self) -> None:
        """SIGTERM, upon which it saves; SIGKILL where that takes too long."""
        if self._transport is None:
            return
        try:
            await self._terminate()
        finally:
            if not self.exited.done():
                self._signal(signal.SIGKILL)
        await asyncio.wait([self.exited])

    async def _terminate(self) -> None:
        """Asked more than once: in its first moments mosquitto forgets a SIGTERM."""
        deadline_s = asyncio.get_running_loop().time() + _STOP_WITHIN_S
        while not self.exited.done() and asyncio.get_running_loop().time() < deadline_s:
            self._signal(signal.SIGTERM)
            await asyncio.wait([self.exited], timeout=_ASK_AGAIN_AFTER_S)

    def last_words(self) -> str:
        return " | ".join(self._last_lines) or "it said nothing"

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002  stderr is the only pipe
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-_MAX_LINE_BYTES:]
        for line in lines:
            self._heard(line.decode(errors="replace"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """It has exited, and all it said has been read."""
        assert self._transport is not None
        self._transport.close()
        self.exited.set_result(self._transport.get_returncode() or 0)
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # asyncio types the base, uvloop has its own class

    def _signal(self, number: signal.Signals) -> None:
        if self._transport is not None:
            with suppress(ProcessLookupError):
                self._transport.send_signal(number)

    def _heard(self, line: str) -> None:
        self._last_lines.append(line)
        if self._expected is not None and self._expected[0].match(line):
            _, future = self._expected
            self._expected = None
            if not future.done():
                future.set_result(None)
        self._on_line(line)

    def _expect(self, line: re.Pattern[str]) -> asyncio.Future[None]:
        """The future of the next such line; asked for before what brings it about."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._expected = (line, future)
        return future


async def _first_of(*futures: asyncio.Future[Any], timeout_s: float | None) -> None:
    await asyncio.wait(futures, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)


def _in_the_child(parent: int) -> None:
    """Between fork and exec: as many files as we may have, and the end when our parent ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
