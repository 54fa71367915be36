"""What has its time: small jobs, one process at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog

from sunsweep.mqtt.port import Client
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.db.lease import LeaseKeeper
from sunsweep.server.features.accounts import lockout
from sunsweep.server.features.machines.service import end_overlaps
from sunsweep.server.jobs import members
from sunsweep.server.jobs.close import Closing
from sunsweep.server.jobs.closing_metrics import measure_closing
from sunsweep.server.jobs.ledger_metrics import measure_ledger
from sunsweep.server.jobs.partition import make_partitions_ahead
from sunsweep.server.jobs.retain import Retention
from sunsweep.server.jobs.staleness import Staleness
from sunsweep.server.tracing import span

log = structlog.get_logger(__name__)

LEASE_WAIT_S: Final = 0.5


class Job(NamedTuple):
    """Something to do every so often, while this process holds the lease."""

    name: str
    every_s: float
    work: Callable[[], Awaitable[None]]


class Jobs:
    """Runs while it holds the lease, each job at its own pace."""

    def __init__(self, database: Database, bus: Client, *, retention_days: int, now_ms: Clock) -> None:
        self._database = database
        self._bus = bus
        self._retention_days = retention_days
        self._now_ms = now_ms
        self._lease = LeaseKeeper(database, "jobs", now_ms=now_ms)
        self._jobs = (
            Job("overlaps", 30.0, self._end_overlaps),
            Job("members", members.EVERY_S, members.UnheldMembers(database, now_ms=now_ms).look),
            Job("ledger-metrics", 60.0, lambda: measure_ledger(database)),
            Job("closing-metrics", 15.0, lambda: measure_closing(database, now_ms=now_ms)),
            Job("close", 20.0, Closing(database, now_ms=now_ms).run),
            Job("partitions", 600.0, self._make_partitions_ahead),
            Job("retention", 3600.0, Retention(database, retention_days=retention_days, now_ms=now_ms).run),
            Job("logins", 600.0, self._forget_logins),
            Job("staleness", 5.0, Staleness(database, bus, now_ms=now_ms).look),
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lease.run(), name="jobs-lease")
            for job in self._jobs:
                tasks.create_task(self._repeat(job), name=f"job-{job.name}")

    async def _repeat(self, job: Job) -> None:
        while True:
            held = self._lease.held
            if held:
                await self._once(job)
            await asyncio.sleep(job.every_s if held else LEASE_WAIT_S)

    async def _once(self, job: Job) -> None:
        try:
            with span(f"job {job.name}"):
                await job.work()
        except DATABASE_AWAY as error:
            log.warning("a job waits: the database takes nothing", job=job.name, error=str(error))

    async def _end_overlaps(self) -> None:
        async with self._database.write() as session:
            await end_overlaps(session, now_ms=self._now_ms())

    async def _forget_logins(self) -> None:
        async with self._database.write() as session:
            await lockout.forget(session, now_ms=self._now_ms())

    async def _make_partitions_ahead(self) -> None:
        await make_partitions_ahead(self._database, now_ms=self._now_ms)
