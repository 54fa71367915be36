"""Positions that arrive by themselves: from gpsd, or from a receiver on a serial line."""

import json
import os
import socket
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from sunsweep.machine.drivers.raspberry.chip import Implausible
from sunsweep.machine.ports import Clock, Position

FRESH_S: Final = 15.0
_CONNECT_S: Final = 1.0
_CHUNK: Final = 4096
_WATCH: Final = b'?WATCH={"enable":true,"json":true}\n'


class Stream(Protocol):
    def take(self) -> bytes:
        """What has arrived, b"" where nothing has; never waits. `OSError` when the other side is gone."""
        ...

    def close(self) -> None: ...


class Gps:
    """The newest position that is not older than `FRESH_S`."""

    def __init__(self, opened: Callable[[], Stream], parse: Callable[[bytes], Position | None], clock: Clock) -> None:
        self._opened = opened
        self._parse = parse
        self._clock = clock
        self._stream: Stream | None = None
        self._rest = b""
        self._position: Position | None = None
        self._at_s = 0.0

    def read(self) -> Position:
        try:
            self._drain()
        except OSError:
            self._let_go()
            raise
        if self._position is None or self._clock.monotonic_s() - self._at_s > FRESH_S:
            raise Implausible("no position yet: the receiver sees too few satellites")
        return self._position

    def _drain(self) -> None:
        if self._stream is None:
            self._stream = self._opened()
        while arrived := self._stream.take():
            *lines, rest = (self._rest + arrived).split(b"\n")
            self._rest = rest[-_CHUNK:]
            for line in lines:
                if (position := self._parse(line)) is not None:
                    self._position, self._at_s = position, self._clock.monotonic_s()

    def _let_go(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._rest = None, b""


class GpsdStream:
    """As https://gpsd.gitlab.io/gpsd/gpsd_json.html describes it."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=_CONNECT_S)
        self._socket.sendall(_WATCH)
        self._socket.setblocking(False)

    def take(self) -> bytes:
        try:
            arrived = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return b""
        if not arrived:
            raise ConnectionResetError("gpsd has closed the connection")
        return arrived

    def close(self) -> None:
        self._socket.close()


class SerialStream:
    """A serial line, or anything else that can be read like one."""

    def __init__(self, path: str, baud: int) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        if os.isatty(self._file):
            self._set_up(getattr(termios, f"B{baud}"))

    def take(self) -> bytes:
        try:
            return os.read(self._file, _CHUNK)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._file)

    def _set_up(self, speed: int) -> None:
        """Raw bytes, eight bits, no echo."""
        attributes = termios.tcgetattr(self._file)
        attributes[0] = attributes[1] = attributes[3] = 0
        attributes[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
        attributes[4] = attributes[5] = speed
        termios.tcsetattr(self._file, termios.TCSANOW, attributes)


def position_of_gpsd(line: bytes) -> Position | None:
    """Of a TPV report with a fix (mode 2 or 3); None for all others."""
    try:
        report = json.loads(line)
        if report["class"] != "TPV" or report["mode"] < 2:
            return None
        return Position(round(float(report["lat"]), 6), round(float(report["lon"]), 6))
    except (ValueError, KeyError, TypeError):
        return None
