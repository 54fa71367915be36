"""Says once that something fails, and once that it is back."""

import logging

from sunsweep.machine.ports import Clock

_log = logging.getLogger(__name__)


class Health:
    """Of one sensor or line. The first failure of a series is a warning, the next ones are not."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._since_s: float | None = None

    def failed(self, why: object) -> None:
        level = logging.WARNING if self._since_s is None else logging.DEBUG
        if self._since_s is None:
            self._since_s = self._clock.monotonic_s()
        _log.log(level, "%s says nothing: %s", self._name, why)

    def well(self) -> None:
        if self._since_s is None:
            return
        _log.warning("%s is back after %.0f s", self._name, self._clock.monotonic_s() - self._since_s)
        self._since_s = None
