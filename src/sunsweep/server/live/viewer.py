"""One socket's queue: bounded, and honest about what it lost."""

import asyncio
from collections import deque
from typing import Final

from sunsweep.server import metrics
from sunsweep.server.features.accounts.roles import Principal

MAX_WAITING: Final = 256


class Viewer:
    """Frames for one viewer. One who cannot keep up loses the oldest, is told how many, and slows nobody."""

    def __init__(self, who: Principal, machine_id: int) -> None:
        self.who = who
        self.machine_id = machine_id
        self.revoked = asyncio.Event()
        self._waiting: deque[str] = deque()
        self._arrived = asyncio.Event()
        self._lost = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def offer(self, frame: str) -> None:
        """Never waits."""
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self._lost += 1
            metrics.LAGGED.inc()
        self._waiting.append(frame)
        self._arrived.set()

    async def take(self) -> tuple[int, list[str]]:
        """How many frames were lost since the last call, and those that wait, at least one."""
        await self._arrived.wait()
        self._arrived.clear()
        frames, lost = list(self._waiting), self._lost
        self._waiting.clear()
        self._lost = 0
        return lost, frames
