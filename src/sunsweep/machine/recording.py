"""Readings with their relative times as JSON lines: a day in the field, kept and lived through again."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TextIO

from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import decode, encode

from sunsweep.machine.ports import Clock, Hardware, HardwareError, Plan, Reading, Sensors

_FINELY: Final = 3


class BadRecordingError(Exception):
    """A file that is no recording; the message names the line."""


class Line(Struct, frozen=True, omit_defaults=True):
    """One look, so many seconds after the first: what was read, or why nothing was."""

    at_s: float
    reading: Reading | None = None
    error: str | None = None


class RecordingSensors:
    """Writes down every look at `sensors`, at once, so that a power cut leaves what was seen before it."""

    def __init__(self, sensors: Sensors, file: TextIO, clock: Clock) -> None:
        self._sensors = sensors
        self._file = file
        self._clock = clock
        self._begun_s: float | None = None

    async def read(self) -> Reading:
        now_s = self._clock.monotonic_s()
        self._begun_s = now_s if self._begun_s is None else self._begun_s
        at_s = round(now_s - self._begun_s, _FINELY)
        try:
            reading = await self._sensors.read()
        except HardwareError as error:
            await asyncio.to_thread(self._write, Line(at_s, error=str(error)))
            raise
        await asyncio.to_thread(self._write, Line(at_s, reading))
        return reading

    def _write(self, line: Line) -> None:
        self._file.write(encode(line).decode() + "\n")
        self._file.flush()


class ReplayingSensors:
    """What was read then, `speed` times as fast; the last reading stays."""

    def __init__(self, lines: Iterable[Line], clock: Clock, *, speed: float = 1.0) -> None:
        self._lines = list(lines)
        self._clock = clock
        self._speed = speed
        self._begun_s: float | None = None
        self._next = 0

    def left_s(self) -> float:
        """Until the last reading; negative once that is past."""
        begun_s = self._clock.monotonic_s() if self._begun_s is None else self._begun_s
        return begun_s + self._lines[-1].at_s / self._speed - self._clock.monotonic_s()

    async def read(self) -> Reading:
        now_s = self._clock.monotonic_s()
        self._begun_s = now_s if self._begun_s is None else self._begun_s
        at_s = (now_s - self._begun_s) * self._speed
        while self._next + 1 < len(self._lines) and self._lines[self._next + 1].at_s <= at_s:
            self._next += 1
        line = self._lines[self._next]
        if line.reading is None:
            raise HardwareError(line.error or "no reading")
        return line.reading


class ReplayedDrive:
    """What was done then is in the readings: an order given now changes nothing."""

    async def start(self, plan: Plan) -> None: ...

    async def halt(self) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    async def return_to_dock(self) -> None: ...

    async def cut_power(self) -> None: ...

    async def restore_power(self) -> None: ...


def load_recording(path: Path) -> list[Line]:
    """Read the file; raises `BadRecordingError`, `OSError`. A last line that a power cut broke off is left out."""
    texts = path.read_text().splitlines()
    lines = []
    for number, text in enumerate(texts, start=1):
        try:
            lines.append(decode(text, type=Line))
        except (DecodeError, ValidationError) as error:
            if number == len(texts) and lines:
                break
            raise BadRecordingError(f"{path}: line {number} is no reading: {error}") from error
    if not lines:
        raise BadRecordingError(f"{path}: no readings in it")
    return lines


def recording(hardware: Hardware, file: TextIO, clock: Clock) -> Hardware:
    """The same body, its sensors written down."""
    return hardware._replace(sensors=RecordingSensors(hardware.sensors, file, clock))


def replaying(lines: Iterable[Line], clock: Clock, *, speed: float) -> tuple[Hardware, Callable[[], float]]:
    """A body that lives a recording through again, and how many seconds it has left."""
    sensors = ReplayingSensors(lines, clock, speed=speed)
    return Hardware(sensors, ReplayedDrive()), sensors.left_s
