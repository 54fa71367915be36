"""What has its time: small jobs, one process at a time."""

import asyncio
from typing import Final

import structlog

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.db.lease import LeaseKeeper
from sunsweep.server.features.machines.service import end_overlaps

log = structlog.get_logger(__name__)

EVERY_S: Final = 30.0


class Jobs:
    """Runs while it holds the lease."""

    def __init__(self, database: Database, *, now_ms: Clock) -> None:
        self._database = database
        self._now_ms = now_ms
        self._lease = LeaseKeeper(database, "jobs", now_ms=now_ms)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lease.run(), name="jobs-lease")
            tasks.create_task(self._work(), name="jobs-work")

    async def _work(self) -> None:
        while True:
            if self._lease.held:
                await self._once()
            await asyncio.sleep(EVERY_S)

    async def _once(self) -> None:
        try:
            async with self._database.write() as session:
                await end_overlaps(session, now_ms=self._now_ms())
        except DATABASE_AWAY as error:
            log.warning("a job waits: the database takes nothing", error=str(error))
