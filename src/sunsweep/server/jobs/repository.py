"""SQL of counting and forgetting. What is read or deleted of raw rows carries a time bound."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Row, and_, delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from sunsweep.server.db.models import (
    CommandResult,
    Company,
    DeadLetter,
    DirtyHour,
    Machine,
    StatusEvent,
    TelemetryDay,
    TelemetryHour,
    TelemetryRow,
)
from sunsweep.server.db.statements import Statements, Table
from sunsweep.server.features.telemetry.repository import CHARTED
from sunsweep.server.features.telemetry.rollup import COLUMNS, Figures, columns_of, figures_of

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000

SAMPLES_AT_ONCE: Final = 5000

Mark = tuple[int, int]
"""(machine, hour)."""
Bucket = tuple[int, int, Figures]
"""(machine, start, figures)."""


class Span(NamedTuple):
    """From `from_ms`, inclusive, to `to_ms`, exclusive."""

    from_ms: int
    to_ms: int


class Source(NamedTuple):
    """Where raw rows stand, whose they are, and the time that they are counted and forgotten by."""

    table: Any
    machine_id: Any
    at: Any


SOURCES: Final = (
    *(Source(table, table.machine_id, table.ts) for table in (TelemetryRow, StatusEvent, CommandResult)),
    Source(DeadLetter, DeadLetter.machine_id, DeadLetter.received_at),
)


async def all_machines(session: AsyncSession) -> Sequence[int]:
    """Those of every company, the archived ones too."""
    return (await session.scalars(select(Machine.id).order_by(Machine.id))).all()


async def heard(session: AsyncSession, machine_ids: Collection[int], span: Span) -> set[int]:
    """Those of these machines that have left a raw row in a span."""
    found: set[int] = set()
    for source in SOURCES:
        # Written out, they go by both columns of the key; correlated with `machine` they would read all its history.
        mine = (source.machine_id.in_(machine_ids), source.at >= span.from_ms, source.at < span.to_ms)
        found.update(await session.scalars(select(source.machine_id).where(*mine).group_by(source.machine_id)))
    return found


async def samples(
    connection: AsyncConnection, machine_ids: Collection[int], span: Span
) -> AsyncIterator[tuple[int, list[Any]]]:
    """Raw samples as `rollup.fold` takes them, a machine and part at a time."""
    row = TelemetryRow
    key = (row.machine_id, row.ts, row.boot, row.seq)
    left, after = sorted(machine_ids), None
    while left:
        query = select(*CHARTED, row.machine_id, row.boot, row.seq).where(
            row.machine_id.in_(left), row.ts >= span.from_ms, row.ts < span.to_ms
        )
        if after is not None:
            query = query.where(tuple_(*key) > after)
        rows = (await connection.execute(query.order_by(*key).limit(SAMPLES_AT_ONCE))).all()
        for machine_id, found in groupby(rows, key=attrgetter("machine_id")):
            yield machine_id, list(found)
        if len(rows) < SAMPLES_AT_ONCE:
            return
        last = rows[-1]
        after = (last.machine_id, last.ts, last.boot, last.seq)
        left = [machine_id for machine_id in left if machine_id >= last.machine_id]


async def hours_of_day(connection: AsyncConnection, machine_ids: Collection[int], day_ms: int) -> list[Bucket]:
    """The roll-ups of a UTC day's hours."""
    hour = TelemetryHour
    query = select(*TelemetryHour.__table__.columns).where(
        hour.machine_id.in_(machine_ids), hour.start >= day_ms, hour.start < day_ms + DAY_MS
    )
    return [(row.machine_id, row.start, figures_of(row)) for row in await connection.execute(query)]


async def replace(
    connection: AsyncConnection,
    table: type[TelemetryHour | TelemetryDay],
    machine_ids: Collection[int],
    starts: Collection[int],
    buckets: Iterable[Bucket],
) -> None:
    """Write the roll-ups of these machines that begin at `starts`; where nothing is left, none remains."""
    await connection.execute(delete(table).where(table.machine_id.in_(machine_ids), table.start.in_(starts)))
    key = ("machine_id", "start")
    rows = [(machine_id, start, *columns_of(figures)) for machine_id, start, figures in buckets]
    statements = Statements(is_sqlite=connection.dialect.name == "sqlite")
    await statements.insert_new(connection, Table(table.__tablename__, key, (*key, *COLUMNS)), rows)


async def marks(session: AsyncSession, after: Mark, *, limit: int) -> list[Mark]:
    """Marks in the order of their keys."""
    key = (DirtyHour.machine_id, DirtyHour.hour)
    query = select(*key).where(DirtyHour.machine_id >= after[0], tuple_(*key) > after).order_by(*key).limit(limit)
    return [(machine_id, hour) for machine_id, hour in await session.execute(query)]


async def number_of_marks(session: AsyncSession) -> int:
    """How many hours of machines are to be counted again."""
    return (await session.execute(select(func.count()).select_from(DirtyHour))).scalar_one()


async def delete_marks(connection: AsyncConnection, found: Collection[Mark]) -> None:
    """Written out, so that every database goes by the key and waits for no other mark."""
    each: list[ColumnElement[bool]] = [
        and_(DirtyHour.machine_id == machine_id, DirtyHour.hour == hour) for machine_id, hour in sorted(found)
    ]
    await connection.execute(delete(DirtyHour).where(or_(*each)))


async def countable(connection: AsyncConnection, machine_ids: Collection[int], day_ms: int) -> list[int]:
    """Those whose raw rows of a day are there still; nobody may begin to delete them before this transaction ends."""
    whose = select(Machine.id, Machine.company_id).where(Machine.id.in_(machine_ids))
    owners = {row.id: row.company_id for row in await connection.execute(whose)}
    since = select(Company.id, Company.raw_since).where(Company.id.in_(set(owners.values())))
    whole = {row.id for row in await connection.execute(since.with_for_update(read=True)) if row.raw_since <= day_ms}
    return sorted(machine_id for machine_id, company_id in owners.items() if company_id in whole)


async def companies(session: AsyncSession) -> Sequence[Row[int, int | None, int]]:
    """id, raw_retention_days and raw_since of all of them."""
    return (await session.execute(select(Company.id, Company.raw_retention_days, Company.raw_since))).all()


async def machines(session: AsyncSession, company_id: int) -> Sequence[int]:
    """Of a company, the archived ones too."""
    return (await session.scalars(select(Machine.id).where(Machine.company_id == company_id))).all()


async def oldest_marks(session: AsyncSession) -> dict[int, int]:
    """The oldest hour of each company that is still to be counted again."""
    query = select(Machine.company_id, func.min(DirtyHour.hour)).join(DirtyHour, DirtyHour.machine_id == Machine.id)
    return {row[0]: row[1] for row in await session.execute(query.group_by(Machine.company_id))}


async def raise_raw_since(session: AsyncSession, company_id: int, bound_ms: int) -> None:
    """From now on nobody counts a company's days before `bound_ms`."""
    later = update(Company).where(Company.id == company_id, Company.raw_since < bound_ms)
    await session.execute(later.values(raw_since=bound_ms))


async def oldest(session: AsyncSession, source: Source, machine_id: int | None, before_ms: int) -> int | None:
    """When the oldest raw row of a machine is from that stands before an instant."""
    query = select(func.min(source.at)).where(source.machine_id == machine_id, source.at < before_ms)
    return (await session.execute(query)).scalar_one_or_none()


async def forget(session: AsyncSession, source: Source, machine_id: int | None, span: Span) -> None:
    """Delete a machine's raw rows of a span."""
    mine = source.machine_id == machine_id
    await session.execute(delete(source.table).where(mine, source.at >= span.from_ms, source.at < span.to_ms))
