"""When to speak again: at each interval, and in no step with other machines."""

import asyncio

from sunsweep.contract.limits import MAX_BOOT


class Rhythm:
    """Waits of an interval each. After a turn that was asked for comes first a part of one, in each boot another.

    Who is asked is asked with many others: a fleet whose broker was away comes back within seconds, says at once how it
    is, and would all speak in the same few seconds from then on.
    """

    def __init__(self, boot: int) -> None:
        self._part = boot / MAX_BOOT
        self._was_asked = True

    def wait_s(self, interval_s: float) -> float:
        """How long to wait now."""
        return interval_s * (self._part if self._was_asked else 1.0)

    def turned(self, *, asked: bool) -> None:
        """The wait is over, by itself or before its time."""
        self._was_asked = asked

    async def turn(self, interval_s: float, asked: asyncio.Event) -> None:
        """Return when the wait is over or somebody asks, which is thereby answered."""
        try:
            async with asyncio.timeout(self.wait_s(interval_s)):
                await asked.wait()
        except TimeoutError:
            self.turned(asked=False)
        else:
            self.turned(asked=True)
        asked.clear()
