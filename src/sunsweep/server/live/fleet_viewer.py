"""The queue of a socket that watches a whole company: of each kind of frame and machine the newest only."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Final

from sunsweep.contract.frames import FrameType
from sunsweep.server import metrics
from sunsweep.server.features.accounts.roles import Principal

Key = tuple[str, FrameType, str]
"""What a frame supersedes: the one before of its serial, its type and, for a command_state, its command."""

MAX_WAITING_CHARS: Final = 32 * 1024 * 1024
"""About 100,000 frames as machines send them. The frames themselves are shared with all other viewers."""
MAX_FRAMES: Final = 500
MAX_MESSAGE_CHARS: Final = 400_000
"""Of one message: there are clients that take 1 MiB at most, of UTF-8."""


class FleetViewer:
    """Frames for one viewer. One who cannot keep up gets the newest when it can, and slows nobody."""

    def __init__(self, who: Principal) -> None:
        self.who = who
        self.machine_id: int | None = None
        self.revoked = asyncio.Event()
        self._waiting: dict[Key, str] = {}
        self._chars = 0
        self._arrived = asyncio.Event()
        self._lost: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def offer(self, frames: Iterable[tuple[Key, str]]) -> None:
        """Never waits. Beyond the bound the oldest are lost, and counted: nothing newer takes their place."""
        for key, text in frames:
            if (superseded := self._waiting.pop(key, None)) is not None:
                self._chars -= len(superseded)
                metrics.FLEET_SUPERSEDED.inc()
            self._waiting[key] = text
            self._chars += len(text)
        while self._chars > MAX_WAITING_CHARS:
            oldest = next(iter(self._waiting))
            self._chars -= len(self._waiting.pop(oldest))
            self._lost[oldest[0]] += 1
            metrics.LAGGED.inc()
        self._arrived.set()

    async def take(self, *, within_s: float | None) -> tuple[Counter[str], list[str]]:
        """How many frames of which machine were lost since the last call, and the oldest that wait, for one message.

        None of either where nothing has come within the time. What is not taken may still be superseded.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._arrived.wait()
        except TimeoutError:
            return Counter(), []
        frames, taken = [], 0
        for key in list(islice(self._waiting, MAX_FRAMES)):
            if taken and taken + len(self._waiting[key]) > MAX_MESSAGE_CHARS:
                break
            frames.append(self._waiting.pop(key))
            taken += len(frames[-1])
        self._chars -= taken
        if not self._waiting:
            self._arrived.clear()
        lost, self._lost = self._lost, Counter()
        return lost, frames
