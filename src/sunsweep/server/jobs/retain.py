"""Raw rows go in whole UTC days, a day after their bound and after they were counted. Roll-ups and ledger stay."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final

import structlog

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.partitions import Partition, drop, partitions
from sunsweep.server.db.state import state_of
from sunsweep.server.jobs import repository
from sunsweep.server.jobs.close import MACHINES, PAUSE_S
from sunsweep.server.jobs.repository import DAY_MS, HOUR_MS, SOURCES, Source, Span

log = structlog.get_logger(__name__)

LETTERS: Final = SOURCES[-1]


class Retention:
    """Forgets what is old: first the companies' `raw_since` moves up, so that nobody counts what is about to go."""

    def __init__(self, database: Database, *, retention_days: int, now_ms: Clock, pause_s: float = PAUSE_S) -> None:
        self._database = database
        self._retention_days = retention_days
        self._now_ms = now_ms
        self._pause_s = pause_s if database.is_sqlite else 0

    async def run(self) -> None:
        weeks = [] if self._database.is_sqlite else await partitions(self._database)
        await self._move_up(weeks)
        async with self._database.read() as session:
            bounds = {company.id: company.raw_since for company in await repository.companies(session)}
        await self._drop(weeks, min(bounds.values(), default=0))
        for company_id, raw_since in bounds.items():
            await self._forget_company(company_id, raw_since)
        # What came from nobody we know is in no account, and waits for nothing.
        await self._forget(LETTERS, None, self._bound(self._retention_days))

    async def _move_up(self, weeks: Sequence[Partition]) -> None:
        async with self._database.read() as session:
            counted = await state_of(session, "rolled_until")
            marks = await repository.oldest_marks(session)
            found = await repository.companies(session)
        async with self._database.write() as session:
            for company in found:
                days = min(company.raw_retention_days or self._retention_days, self._retention_days)
                bound = _day(min(self._bound(days), counted, marks.get(company.id, counted)))
                if not self._database.is_sqlite and days == self._retention_days:
                    bound = max(_untils(weeks, bound), default=0)
                if bound > company.raw_since:
                    await repository.raise_raw_since(session, company.id, bound)

    def _bound(self, days: int) -> int:
        """A day more than was promised, whole UTC days."""
        return _day(self._now_ms() - (days + 1) * DAY_MS)

    async def _drop(self, weeks: Sequence[Partition], bound_ms: int) -> None:
        """Partitions of which no company may count a row any more."""
        for week in takewhile(lambda week: week.until_ms <= bound_ms, weeks):
            await drop(self._database, week)
            log.info("raw telemetry is gone", before=week.name)

    async def _forget_company(self, company_id: int, raw_since: int) -> None:
        async with self._database.read() as session:
            machine_ids = await repository.machines(session, company_id)
        for at in range(0, len(machine_ids), MACHINES):
            # Most hours there is nothing to forget, and asked one by one ten thousand machines take half a minute.
            async with self._database.read() as session:
                old = await repository.heard(session, machine_ids[at : at + MACHINES], Span(0, raw_since))
            for machine_id in sorted(old):
                for source in SOURCES:
                    await self._forget(source, machine_id, raw_since)

    async def _forget(self, source: Source, machine_id: int | None, before_ms: int) -> None:
        """In short transactions, so that the ingest is never held up for long."""
        # Of one machine there may be any number of letters a day, and of nobody too.
        width = HOUR_MS if source is LETTERS else DAY_MS
        while (begin := await self._oldest(source, machine_id, before_ms)) is not None:
            async with self._database.write() as session:
                span = Span(begin, min(begin - begin % width + width, before_ms))
                await repository.forget(session, source, machine_id, span)
            await asyncio.sleep(self._pause_s)

    async def _oldest(self, source: Source, machine_id: int | None, before_ms: int) -> int | None:
        async with self._database.read() as session:
            return await repository.oldest(session, source, machine_id, before_ms)


def _untils(weeks: Iterable[Partition], bound_ms: int) -> Iterable[int]:
    return (week.until_ms for week in weeks if week.until_ms <= bound_ms)


def _day(instant_ms: int) -> int:
    return instant_ms - instant_ms % DAY_MS
