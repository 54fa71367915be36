"""Changes gathered and told at most every so often: a page redraws twice a second, however many frames come."""

import asyncio
from collections.abc import Callable
from typing import Final

FLEET_S: Final = 0.5
MACHINE_S: Final = 0.25


class Flush:
    """Calls `tell` soon after the first change, and never sooner than `every_s` after the last time."""

    def __init__(self, every_s: float, tell: Callable[[], None]) -> None:
        self._every_s = every_s
        self._tell = tell
        self._due: asyncio.TimerHandle | None = None
        self._told_s: float | None = None

    def changed(self) -> None:
        """Something is to be told."""
        if self._due is not None:
            return
        loop = asyncio.get_running_loop()
        wait_s = 0.0 if self._told_s is None else max(0.0, self._told_s + self._every_s - loop.time())
        # Never at once: what comes in the same turn of the loop is told with it.
        self._due = loop.call_later(wait_s, self._now)

    def close(self) -> None:
        """What was not told yet is not told any more."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _now(self) -> None:
        self._due = None
        self._told_s = asyncio.get_running_loop().time()
        self._tell()
