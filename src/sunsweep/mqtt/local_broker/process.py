"""Mosquitto as a child: it dies with us, not with a key pressed in our terminal, and says what it does line by line."""

import asyncio
import ctypes
import os
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
_STOP_WITHIN_S: Final = 5.0
_START_WITHIN_S: Final = 30.0
_MAX_LINE_BYTES: Final = 64 * 1024

_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class BrokerProcess(asyncio.SubprocessProtocol):
    """One life of mosquitto."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = loop.create_future()
        self.pid = 0
        self._on_line = on_line
        self._transport: asyncio.SubprocessTransport | None = None
        self._running: asyncio.Future[None] = loop.create_future()
        self._reloaded: asyncio.Future[None] | None = None
        self._last_lines: deque[str] = deque(maxlen=5)
        self._rest = b""

    @property
    def alive(self) -> bool:
        return self._transport is not None and not self.exited.done()

    async def start(self, program: str, configuration: Path, *, inherited: int) -> None:
        """Returns once it listens; raises `BrokerError` with its own last words."""
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
        await _first_of(self._running, self.exited, timeout_s=_START_WITHIN_S)
        if not self._running.done():
            raise BrokerError(f"mosquitto did not start: {self.last_words()}")

    async def reload(self) -> None:
        """SIGHUP; returns once mosquitto has taken it up, or is dead. Callers wait for one another."""
        if not self.alive:
            return
        self._reloaded = asyncio.get_running_loop().create_future()
        self._signal(signal.SIGHUP)
        await _first_of(self._reloaded, self.exited, timeout_s=None)

    async def stop(self) -> None:
        """SIGTERM, upon which it saves; SIGKILL where that takes too long."""
        if self._transport is None:
            return
        try:
            if not self.exited.done():
                self._signal(signal.SIGTERM)
                await asyncio.wait([self.exited], timeout=_STOP_WITHIN_S)
        finally:
            if not self.exited.done():
                self._signal(signal.SIGKILL)
        await asyncio.wait([self.exited])
        self._transport.close()

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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # asyncio types the base, uvloop has its own class

    def _signal(self, number: signal.Signals) -> None:
        if self._transport is not None:
            with suppress(ProcessLookupError):
                self._transport.send_signal(number)

    def _heard(self, line: str) -> None:
        self._last_lines.append(line)
        if line.startswith("mosquitto version") and line.endswith("running") and not self._running.done():
            self._running.set_result(None)
        if line == "Reloading config." and self._reloaded is not None and not self._reloaded.done():
            self._reloaded.set_result(None)
        self._on_line(line)


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
