"""Which logins have been used: with its first use, a login ends those before it."""

import asyncio
from typing import Final

import structlog

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.features.machines import repository, service

log = structlog.get_logger(__name__)

GATHER_S: Final = 0.2
AT_ONCE: Final = 500


class FirstUses:
    """Told by the broker whom it has let in, and looks five times a second whether a fresh login is among them."""

    def __init__(self, database: Database, *, now_ms: Clock) -> None:
        self._database = database
        self._now_ms = now_ms
        self._seen: set[str] = set()

    def saw(self, username: str) -> None:
        """The broker has let this login in. As only logins come in here, they are no more than there are."""
        self._seen.add(username)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(GATHER_S)
            if self._seen:
                await self._try()

    async def _try(self) -> None:
        seen, self._seen = self._seen, set()
        try:
            await self._note(sorted(seen))
        except DATABASE_AWAY as error:
            log.debug("the first uses of logins are noted later", error=str(error))
            self._seen |= seen

    async def _note(self, usernames: list[str]) -> None:
        for start in range(0, len(usernames), AT_ONCE):
            some = usernames[start : start + AT_ONCE]
            async with self._database.read() as session:
                fresh = await repository.fresh(session, some)
            if fresh:
                async with self._database.write() as session:
                    await service.first_used(session, fresh, now_ms=self._now_ms())
