"""Tell of an outage once, not at every attempt."""

import logging
import time
from collections.abc import Callable


class Outage:
    """WARNING at each new reason, DEBUG at its repetitions, INFO with the length at the end."""

    def __init__(self, logger: logging.Logger, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._monotonic_s = monotonic_s
        self._since_s: float | None = None
        self._told: set[str] = set()

    def failed(self, what: str) -> None:
        """An attempt failed, or a connection was lost."""
        if self._since_s is None:
            self._since_s = self._monotonic_s()
        self._logger.log(logging.DEBUG if what in self._told else logging.WARNING, what)
        self._told.add(what)

    def over(self, what: str) -> None:
        """All is well again."""
        if self._since_s is not None:
            self._logger.info("%s after %.1f s", what, self._monotonic_s() - self._since_s)
        self._since_s = None
        self._told.clear()
