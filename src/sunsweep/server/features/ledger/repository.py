"""SQL of the ledger. What is read of raw rows carries a time bound."""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    case,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from sunsweep.server.db.models import (
    CommandResult,
    Company,
    DeadLetter,
    DirtyHour,
    LedgerBoot,
    LedgerDay,
    LedgerEnd,
    LedgerLoss,
    Machine,
    StatusEvent,
    TelemetryHour,
    TelemetryRow,
)
from sunsweep.server.db.statements import Row as Values
from sunsweep.server.db.statements import Statements, Table
from sunsweep.server.db.tenancy import owned, platform_wide

Rows = Sequence[Row[*tuple[Any, ...]]]
Executor = AsyncConnection | AsyncSession
BootKey = tuple[int, int]
"""(machine, boot)."""

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
HISTORY: Final = (TelemetryRow, StatusEvent, CommandResult)
DAYS: Final = Table(
    "ledger_day", ("machine_id", "boot", "day"), ("machine_id", "boot", "day", "count", "stored", "rejected")
)
BOOTS: Final = Table(
    "ledger_boot",
    ("machine_id", "boot"),
    ("machine_id", "boot", "last_seq", "stored", "rejected", "given_up", "missing", "counted_at"),
)


class Span(NamedTuple):
    """From `from_ms`, inclusive, to `to_ms`, exclusive."""

    from_ms: int
    to_ms: int


class MachineName(NamedTuple):
    """A machine, also an archived one."""

    id: int
    company_id: int
    serial: str


async def stored_runs(connection: Executor, machine_ids: Collection[int], span: Span) -> Rows:
    """Runs of numbers that were stored: machine_id, boot, day, first, last, rows, newest (`ts`)."""
    return (await connection.execute(union_all(*(_runs(table, machine_ids, span) for table in HISTORY)))).all()


async def unnumbered(connection: Executor, machine_ids: Collection[int], span: Span) -> Rows:
    """How many rows without a number: machine_id, day, rows."""
    return (await connection.execute(union_all(*(_unnumbered(table, machine_ids, span) for table in HISTORY)))).all()


async def rejected_runs(connection: Executor, machine_ids: Collection[int], span: Span) -> Rows:
    """Runs of numbers that were rejected: machine_id, boot, day (they came), reason, first, last, newest."""
    letter = DeadLetter
    day = letter.received_at - letter.received_at % DAY_MS
    whose = (letter.machine_id, letter.boot, day, letter.reason)
    numbers = (
        select(
            letter.machine_id, letter.boot, letter.seq, day.label("day"), letter.reason, letter.received_at,
            (letter.seq - func.dense_rank().over(partition_by=whose, order_by=letter.seq)).label("run"),
        )
        .where(letter.machine_id.in_(machine_ids), letter.boot > 0, letter.seq.is_not(None))
        .where(letter.received_at >= span.from_ms, letter.received_at < span.to_ms)
        .subquery()
    )  # fmt: skip
    c = numbers.c
    query = select(
        c.machine_id, c.boot, c.day, c.reason,
        func.min(c.seq).label("first"), func.max(c.seq).label("last"), func.max(c.received_at).label("newest"),
    ).group_by(c.machine_id, c.boot, c.day, c.reason, c.run)  # fmt: skip
    return (await connection.execute(query)).all()


def _runs(table: Any, machine_ids: Collection[int], span: Span) -> Select[Any]:
    """Numbers of a run differ from their rank by the same; a number that is there twice has one rank."""
    day = table.ts - table.ts % DAY_MS
    rank = func.dense_rank().over(partition_by=(table.machine_id, table.boot, day), order_by=table.seq)
    numbers = (
        select(table.machine_id, table.boot, day.label("day"), table.seq, table.ts, (table.seq - rank).label("run"))
        .where(table.machine_id.in_(machine_ids), table.ts >= span.from_ms, table.ts < span.to_ms, table.boot > 0)
        .subquery()
    )
    c = numbers.c
    return select(
        c.machine_id, c.boot, c.day,
        func.min(c.seq).label("first"), func.max(c.seq).label("last"),
        func.count().label("rows"), func.max(c.ts).label("newest"),
    ).group_by(c.machine_id, c.boot, c.day, c.run)  # fmt: skip


def _unnumbered(table: Any, machine_ids: Collection[int], span: Span) -> Select[Any]:
    day = table.ts - table.ts % DAY_MS
    return (
        select(table.machine_id, day.label("day"), func.count().label("rows"))
        .where(table.machine_id.in_(machine_ids), table.ts >= span.from_ms, table.ts < span.to_ms, table.boot == 0)
        .group_by(table.machine_id, day)
    )


async def boots_of_day(connection: Executor, machine_ids: Collection[int], day_ms: int) -> set[BootKey]:
    """Those that have been counted for this day, the unnumbered (boot 0) among them."""
    query = select(LedgerDay.machine_id, LedgerDay.boot).where(
        LedgerDay.machine_id.in_(machine_ids), LedgerDay.day == day_ms
    )
    return {(row.machine_id, row.boot) for row in await connection.execute(query)}


async def boots_with_news(connection: Executor, machine_ids: Collection[int]) -> set[BootKey]:
    """Those whose machine has told of a loss or an end that may change their totals."""
    boot, loss, end = LedgerBoot, LedgerLoss, LedgerEnd
    told = (
        select(table.machine_id, table.boot)
        .outerjoin(boot, (boot.machine_id == table.machine_id) & (boot.boot == table.boot))
        .where(table.machine_id.in_(machine_ids))
        # A boot that ended before its first number has no totals, and is no news.
        .where(or_(func.coalesce(boot.last_seq, 0) < table.last_seq, changed))
        for table, changed in ((loss, boot.missing > 0), (end, literal(value=False)))
    )
    return {(row.machine_id, row.boot) for row in await connection.execute(union_all(*told))}


async def days(connection: Executor, boots: Collection[BootKey]) -> Rows:
    """What was counted of these boots, day by day."""
    day = LedgerDay
    query = select(day.machine_id, day.boot, day.day, day.count.label("rows"), day.stored, day.rejected)
    return (await connection.execute(query.where(*_among(day, boots)))).all()


async def losses(connection: Executor, boots: Collection[BootKey]) -> Rows:
    """What the machines have told to have given up."""
    loss = LedgerLoss
    query = select(loss.machine_id, loss.boot, loss.first_seq, loss.last_seq)
    return (await connection.execute(query.where(*_among(loss, boots)))).all()


async def ends(connection: Executor, boots: Collection[BootKey]) -> Rows:
    """How far the boots went that have ended."""
    end = LedgerEnd
    query = select(end.machine_id, end.boot, end.last_seq)
    return (await connection.execute(query.where(*_among(end, boots)))).all()


async def known_boots(session: AsyncSession, machine_id: int) -> Rows:
    """Every numbered boot that was counted or told of: boot, last_day (None where nothing of it has been counted)."""
    day = select(LedgerDay.boot, LedgerDay.day).where(LedgerDay.machine_id == machine_id, LedgerDay.boot > 0)
    told = (
        select(table.boot, null().label("day")).where(table.machine_id == machine_id)
        for table in (LedgerLoss, LedgerEnd)
    )
    c = union_all(day, *told).subquery().c
    return (await session.execute(select(c.boot, func.max(c.day).label("last_day")).group_by(c.boot))).all()


async def counted_unnumbered(session: AsyncSession, machine_id: int) -> Rows:
    """Days with rows that have no number: day, rows."""
    query = select(LedgerDay.day, LedgerDay.count.label("rows"))
    return (await session.execute(query.where(LedgerDay.machine_id == machine_id, LedgerDay.boot == 0))).all()


async def marked_hours(session: AsyncSession, machine_id: int) -> Sequence[int]:
    """Closed hours that are to be counted again."""
    query = select(DirtyHour.hour).where(DirtyHour.machine_id == machine_id)
    return (await session.scalars(query.order_by(DirtyHour.hour))).all()


@platform_wide("what the company of a machine that is known has promised")
async def raw_since(session: AsyncSession, machine_id: int) -> int:
    """Raw rows of the machine from before this instant are gone."""
    query = select(Company.raw_since).join(Machine, Machine.company_id == Company.id).where(Machine.id == machine_id)
    return (await session.execute(query)).scalar_one()


async def machine_names(session: AsyncSession, company_id: int | None, serial: str | None) -> list[MachineName]:
    """Those of a company, or of all; with a serial, that one and what bore its name before."""
    query = select(Machine.id, Machine.company_id, Machine.serial).order_by(Machine.id)
    if company_id is not None:
        query = query.where(owned(Machine, company_id))
    if serial is not None:
        query = query.where(Machine.serial == serial)
    return [MachineName(*row) for row in await session.execute(query)]


async def earliest(session: AsyncSession, machine_id: int, span: Span) -> int:
    """Of a span, the instant before which nothing was stored, rejected or counted; its end where nothing was at all."""
    firsts = [
        select(func.min(instant).label("first")).where(
            table.machine_id == machine_id, instant >= span.from_ms, instant < span.to_ms
        )
        for table, instant in (
            *((row, row.ts) for row in HISTORY),
            (DeadLetter, DeadLetter.received_at),
            (LedgerDay, LedgerDay.day),
            (TelemetryHour, TelemetryHour.start),
        )
    ]
    first: int | None = await session.scalar(select(func.min(union_all(*firsts).subquery().c.first)))
    return span.to_ms if first is None else first


async def days_between(session: AsyncSession, machine_id: int, span: Span) -> Rows:
    """What was counted of a machine: machine_id, boot, day, rows, stored, rejected."""
    day = LedgerDay
    query = select(day.machine_id, day.boot, day.day, day.count.label("rows"), day.stored, day.rejected)
    span_of = (day.machine_id == machine_id, day.day >= span.from_ms, day.day < span.to_ms)
    return (await session.execute(query.where(*span_of))).all()


async def rolled_samples(session: AsyncSession, machine_id: int, span: Span) -> Rows:
    """Samples an hour as their roll-ups count them: hour, rows."""
    hour = TelemetryHour
    query = select(hour.start.label("hour"), hour.count.label("rows"))
    span_of = (hour.machine_id == machine_id, hour.start >= span.from_ms, hour.start < span.to_ms)
    return (await session.execute(query.where(*span_of))).all()


async def raw_samples(session: AsyncSession, machine_id: int, span: Span) -> Rows:
    """Samples an hour as their rows tell: hour, rows."""
    row = TelemetryRow
    hour = row.ts - row.ts % HOUR_MS
    query = select(hour.label("hour"), func.count().label("rows")).group_by(hour)
    span_of = (row.machine_id == machine_id, row.ts >= span.from_ms, row.ts < span.to_ms)
    return (await session.execute(query.where(*span_of))).all()


async def totals_of(session: AsyncSession, machine_id: int) -> Rows:
    """Totals of a machine's boots as they were counted last: boot, last_seq, stored, rejected, given_up, missing."""
    boot = LedgerBoot
    query = select(boot.boot, boot.last_seq, boot.stored, boot.rejected, boot.given_up, boot.missing)
    return (await session.execute(query.where(boot.machine_id == machine_id))).all()


@platform_wide("metrics of the platform")
async def platform_totals(session: AsyncSession) -> tuple[dict[str, float], int]:
    """Numbers of all machines by what became of them, and boots of which some have not arrived, as counted last."""
    boot = LedgerBoot
    parts = ("stored", "rejected", "given_up", "missing")
    # As floats: a thousand boots that each say 2**53 are more than SQLite's integers hold.
    sums = (func.coalesce(func.sum(getattr(boot, part) * literal(1.0)), 0) for part in parts)
    incomplete = func.count(case((boot.missing > 0, 1)))
    *found, boots = (await session.execute(select(*sums, incomplete))).one()
    return dict(zip(parts, map(float, found), strict=True)), boots


async def keep_days(
    connection: AsyncConnection, day_ms: int, rows: Sequence[Values], gone: Collection[BootKey]
) -> None:
    """Write what was counted of a day; `gone` are boots that have nothing in it any more."""
    await _statements(connection).upsert(connection, DAYS, rows)
    if gone:
        await connection.execute(delete(LedgerDay).where(*_among(LedgerDay, gone), LedgerDay.day == day_ms))


async def keep_boots(connection: AsyncConnection, rows: Sequence[Values], gone: Collection[BootKey]) -> None:
    """Write the totals of boots; of the `gone` nothing is known any more."""
    await _statements(connection).upsert(connection, BOOTS, rows)
    if gone:
        await connection.execute(delete(LedgerBoot).where(*_among(LedgerBoot, gone)))


def _among(table: Any, boots: Collection[BootKey]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """SQLite finds no key for pairs alone, and would read the whole table."""
    machine_ids = {machine_id for machine_id, _ in boots}
    return table.machine_id.in_(machine_ids), tuple_(table.machine_id, table.boot).in_(boots)


def _statements(connection: AsyncConnection) -> Statements:
    return Statements(is_sqlite=connection.dialect.name == "sqlite")
