"""Hours close, are counted into roll-ups and ledger, and are counted again where something came late.

It may be killed anywhere: whatever has not been counted stands behind `rolled_until` or under a mark.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import TelemetryDay, TelemetryHour
from sunsweep.server.db.state import set_state, state_of, taken_state_of
from sunsweep.server.features.ledger.fold import fold_day
from sunsweep.server.features.telemetry.rollup import Figures, fold, merge
from sunsweep.server.jobs import repository
from sunsweep.server.jobs.repository import DAY_MS, HOUR_MS, Bucket, Mark, Span

log = structlog.get_logger(__name__)

GRACE_MS: Final = 5_000
"""How long after its end an hour is closed."""
MACHINE_HOURS: Final = 96
"""Counted in one transaction: some ten thousand samples."""
MACHINES: Final = 200
"""Asked for in one statement."""
MARKS: Final = 500
"""Read at once."""
PAUSE_S: Final = 0.1
"""After each transaction on SQLite, where others that write ask again at least so often."""


class Closing:
    """Closes hours and keeps what is counted in step with the raw rows."""

    def __init__(self, database: Database, *, now_ms: Clock, pause_s: float = PAUSE_S) -> None:
        self._database = database
        self._now_ms = now_ms
        self._pause_s = pause_s if database.is_sqlite else 0

    async def run(self) -> None:
        """Close what is over, count what is closed, count again what is marked."""
        await self._close()
        while (span := await self._next_span()) is not None:
            await self._count_span(span)
        await self._count_marked()

    async def _close(self) -> None:
        newest = _start(self._now_ms() - GRACE_MS, HOUR_MS)
        async with self._database.read() as session:
            if await state_of(session, "closed_until") >= newest:
                return
        # Committed alone: it waits for commits in flight, and whatever is stored from then on leaves marks.
        async with self._database.transaction() as connection:
            if await taken_state_of(connection, "closed_until") < newest:
                await set_state(connection, "closed_until", newest)

    async def _next_span(self) -> Span | None:
        """Closed hours that have not been counted, to the end of their UTC day at most."""
        async with self._database.read() as session:
            begin, end = await state_of(session, "rolled_until"), await state_of(session, "closed_until")
        if begin >= end:
            return None
        if end - begin > DAY_MS:
            log.info("hours wait to be counted", hours=(end - begin) // HOUR_MS)
        return Span(begin, min(end, _start(begin, DAY_MS) + DAY_MS))

    async def _count_span(self, span: Span) -> None:
        hours = range(span.from_ms, span.to_ms, HOUR_MS)
        heard = await self._heard(span)
        at_once = max(1, MACHINE_HOURS // len(hours))
        for at in range(0, len(heard), at_once):
            async with self._database.transaction() as connection:
                if await taken_state_of(connection, "rolled_until") != span.from_ms:
                    # Another process was quicker, and its raw rows may be gone by now.
                    return
                await self._count(connection, heard[at : at + at_once], hours)
            await asyncio.sleep(self._pause_s)
        async with self._database.transaction() as connection:
            if await taken_state_of(connection, "rolled_until") == span.from_ms:
                await set_state(connection, "rolled_until", span.to_ms)

    async def _heard(self, span: Span) -> list[int]:
        """The machines that have something to count."""
        async with self._database.read() as session:
            known = await repository.all_machines(session)
            found: set[int] = set()
            for at in range(0, len(known), MACHINES):
                found |= await repository.heard(session, known[at : at + MACHINES], span)
        return sorted(found)

    async def _count_marked(self) -> None:
        after: Mark = (0, 0)
        while found := await self._marks(after):
            for some in _chunks(found):
                await self._count_again(some)
                await asyncio.sleep(self._pause_s)
            after = found[-1]

    async def _marks(self, after: Mark) -> list[Mark]:
        async with self._database.read() as session:
            return await repository.marks(session, after, limit=MARKS)

    async def _count_again(self, marks: Sequence[Mark]) -> None:
        """Marks of one UTC day: deleted first, so that who stores into these hours meanwhile leaves new ones."""
        hours = sorted({hour for _, hour in marks})
        async with self._database.transaction() as connection:
            # One process counts at a time: none overwrites with what it read earlier.
            await taken_state_of(connection, "rolled_until")
            await repository.delete_marks(connection, marks)
            machine_ids = {machine_id for machine_id, _ in marks}
            machines = await repository.countable(connection, machine_ids, _start(hours[0], DAY_MS))
            if machines:
                await self._count(connection, machines, hours)

    async def _count(self, connection: AsyncConnection, machine_ids: Sequence[int], hours: Sequence[int]) -> None:
        """Hours of one UTC day, then that day."""
        day = _start(hours[0], DAY_MS)
        parts: dict[int, list[tuple[int, Figures]]] = defaultdict(list)
        for span in _spans(hours):
            async for machine_id, samples in repository.samples(connection, machine_ids, span):
                parts[machine_id] += fold(samples, HOUR_MS).items()
                # Others have their turn: this is arithmetic on thousands of rows.
                await asyncio.sleep(0)
        await repository.replace(connection, TelemetryHour, machine_ids, hours, _buckets(parts, HOUR_MS))
        days = _days(await repository.hours_of_day(connection, machine_ids, day))
        await repository.replace(connection, TelemetryDay, machine_ids, (day,), days)
        await fold_day(connection, machine_ids, day, now_ms=self._now_ms())


def _spans(hours: Iterable[int]) -> list[Span]:
    """Hours in the order of time; those that follow each other are one span."""
    spans: list[Span] = []
    for hour in hours:
        begin = spans.pop().from_ms if spans and spans[-1].to_ms == hour else hour
        spans.append(Span(begin, hour + HOUR_MS))
    return spans


def _days(hours: Iterable[Bucket]) -> list[Bucket]:
    parts: dict[int, list[tuple[int, Figures]]] = defaultdict(list)
    for machine_id, start, figures in hours:
        parts[machine_id].append((start, figures))
    return _buckets(parts, DAY_MS)


def _buckets(parts: Mapping[int, Iterable[tuple[int, Figures]]], width_ms: int) -> list[Bucket]:
    """Parts of a machine's buckets put together."""
    return [
        (machine_id, start, figures)
        for machine_id, found in parts.items()
        for start, figures in merge(found, width_ms).items()
    ]


def _chunks(marks: Iterable[Mark]) -> Iterable[list[Mark]]:
    """Marks by UTC day, of few machines each."""
    by_day: dict[int, dict[int, list[Mark]]] = defaultdict(lambda: defaultdict(list))
    for machine_id, hour in marks:
        by_day[_start(hour, DAY_MS)][machine_id].append((machine_id, hour))
    for machines in by_day.values():
        some: list[Mark] = []
        for found in machines.values():
            some += found
            if len({hour for _, hour in some}) * len({machine_id for machine_id, _ in some}) > MACHINE_HOURS // 2:
                yield some
                some = []
        if some:
            yield some


def _start(instant_ms: int, width_ms: int) -> int:
    return instant_ms - instant_ms % width_ms
