"""How much slow work a process takes on at once: a flood of logins may not eat its threads and memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sunsweep.server.errors import TooManyTriesError

WIDTH: Final = 4
"""An argon2 takes 64 MiB."""
QUEUE: Final = 64


class Gate:
    """`width` at once, `queue` more wait; whoever comes then is sent away."""

    def __init__(self, *, width: int = WIDTH, queue: int = QUEUE) -> None:
        self._free = asyncio.Semaphore(width)
        self._most = width + queue
        self._inside = 0

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Raises `TooManyTriesError`."""
        if self._inside >= self._most:
            raise TooManyTriesError("too many log in just now; try again in a moment", retry_after_s=1)
        self._inside += 1
        try:
            async with self._free:
                yield
        finally:
            self._inside -= 1
