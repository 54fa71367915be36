"""The site's time: as fast as the simulation is told, while messages keep the world's."""

from typing import Final

from sunsweep.machine.ports import Clock

NINE_S: Final = 9 * 3600.0


class SiteClock:
    """Called, it gives the seconds since the site's first midnight."""

    def __init__(self, clock: Clock, *, speed: float = 1.0, start_s: float = NINE_S) -> None:
        self._clock = clock
        self._speed = speed
        self._start_s = start_s
        self._begun_s = clock.monotonic_s()

    def __call__(self) -> float:
        return self._start_s + (self._clock.monotonic_s() - self._begun_s) * self._speed
