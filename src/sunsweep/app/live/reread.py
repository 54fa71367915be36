"""Reading from the API again, when there is reason to and a way."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from sunsweep.app.net.backoff import Backoff
from sunsweep.app.net.errors import Away
from sunsweep.app.net.stream import Link


class Reread:
    """Reads at the beginning, after each gap of the socket, and when asked; once at a time, and until it succeeds."""

    def __init__(self, read: Callable[[], Awaitable[None]], random: Random) -> None:
        """`read` raises `Away` where it is to be tried again."""
        self._read = read
        self._backoff = Backoff(random)
        self._asked = asyncio.Event()
        self._asked.set()
        self._was_lost = False
        self._limit: asyncio.Timeout | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                async with asyncio.timeout(None) as self._limit:
                    await self._read()
            except (Away, TimeoutError):
                self._asked.set()
            else:
                self._backoff.reset()
            finally:
                self._limit = None
            await asyncio.sleep(self._backoff.next_s(lost_for_s=0.0))

    def ask(self) -> None:
        """What is known is no longer all."""
        self._asked.set()

    def linked(self, link: Link) -> None:
        """A request of before the gap may hang in a connection that is dead; what is read after it is read anew."""
        if link is Link.LOST:
            self._was_lost = True
        elif link is Link.LIVE and self._was_lost:
            self._was_lost = False
            self._asked.set()
            if self._limit is not None:
                self._limit.reschedule(asyncio.get_running_loop().time())
