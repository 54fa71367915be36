"""One database row that says who does what only one process may do."""

import asyncio
import secrets
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.db.models import Lease
from sunsweep.server.db.standstill import Standstill

log = structlog.get_logger(__name__)

LEASE_MS: Final = 10_000
RENEW_S: Final = 2.5


class LeaseKeeper:
    """Holds a named lease while it can. `held` is checked before every act: a paused process finds it lapsed."""

    def __init__(self, database: Database, name: str, *, now_ms: Clock) -> None:
        self._database = database
        self._name = name
        self._holder = secrets.token_hex(16)
        self._now_ms = now_ms
        self._until = 0
        self._standstill = Standstill(after_ms=LEASE_MS)

    @property
    def held(self) -> bool:
        # More than a lease's length is left where the clock has stepped back.
        return 0 < self._until - self._now_ms() <= LEASE_MS

    async def run(self) -> None:
        """Take it, renew it; give it back when cancelled."""
        try:
            while True:
                await self._try()
                await asyncio.sleep(RENEW_S)
        finally:
            await self._give_back()

    async def _try(self) -> None:
        try:
            await self._take()
        except IntegrityError:
            # Another process made the row first.
            return
        except DATABASE_AWAY as error:
            log.debug("the lease could not be renewed", lease=self._name, error=str(error))

    async def _take(self) -> None:
        now_ms = self._now_ms()
        async with self._database.write() as session:
            row = await session.scalar(select(Lease).where(Lease.name == self._name).with_for_update())
            if row is None:
                session.add(Lease(name=self._name, holder=self._holder, expires_at=now_ms + LEASE_MS))
            elif row.holder == self._holder or row.expires_at <= now_ms or self._stands_still(row, now_ms):
                row.holder, row.expires_at = self._holder, now_ms + LEASE_MS
            else:
                self._until = 0
                return
        # A second less than the row says, so that we stop before another may begin.
        self._until = now_ms + LEASE_MS - 1000

    def _stands_still(self, row: Lease, now_ms: int) -> bool:
        return self._standstill.over_ms(row.holder, row.expires_at, now_ms) >= 0

    async def _give_back(self) -> None:
        if not self.held:
            return
        self._until = 0
        try:
            async with self._database.write() as session:
                row = await session.get(Lease, self._name)
                if row is not None and row.holder == self._holder:
                    row.expires_at = 0
        except DATABASE_AWAY:
            log.debug("the lease lapses by itself", lease=self._name)
