"""A chip that measures acceleration, read in bursts."""

import time
from collections.abc import Callable
from typing import Protocol

from sunsweep.machine.drivers.raspberry.acceleration import (
    SAMPLE_EVERY_S,
    SAMPLES,
    Vector,
    tilt_deg,
    vibration_g,
)
from sunsweep.machine.drivers.raspberry.chip import Implausible


class AccelerationChip(Protocol):
    def wake(self) -> None:
        """Set it up; raises `Implausible` when another chip answers."""
        ...

    def sample(self) -> Vector:
        """Raises `Implausible` when an axis is at the end of its range."""
        ...


class Accelerometer:
    """`up` None measures vibration, an axis the tilt. A chip that fails is set up anew: it may have lost power."""

    def __init__(self, chip: AccelerationChip, *, up: str | None, pause: Callable[[float], None] = time.sleep) -> None:
        self._chip = chip
        self._up = up
        self._pause = pause
        self._awake = False

    def read(self) -> float:
        try:
            burst = self._burst()
            return vibration_g(burst) if self._up is None else tilt_deg(burst, self._up)
        except (OSError, Implausible):
            self._awake = False
            raise

    def _burst(self) -> list[Vector]:
        if not self._awake:
            self._chip.wake()
            self._awake = True
            # The first samples after waking are not yet true: 30 ms by the slower of the datasheets.
            self._pause(0.05)
        burst = []
        for _ in range(SAMPLES):
            burst.append(self._chip.sample())
            self._pause(SAMPLE_EVERY_S)
        return burst
