"""SQL of the ledger. What is read of raw rows carries a time bound."""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, Select, delete, func, literal, or_, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from sunsweep.server.db.models import (
    CommandResult,
    DeadLetter,
    LedgerBoot,
    LedgerDay,
    LedgerEnd,
    LedgerLoss,
    StatusEvent,
    TelemetryRow,
)
from sunsweep.server.db.statements import Row as Values
from sunsweep.server.db.statements import Statements, Table

Rows = Sequence[Row[*tuple[Any, ...]]]
Executor = AsyncConnection | AsyncSession
BootKey = tuple[int, int]
"""(machine, boot)."""

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
        .where(or_(boot.boot.is_(None), boot.last_seq < table.last_seq, changed))
        for table, changed in ((loss, boot.missing > 0), (end, literal(value=False)))
    )
    return {(row.machine_id, row.boot) for row in await connection.execute(union_all(*told))}


async def days(connection: Executor, boots: Collection[BootKey]) -> Rows:
    """What was counted of these boots, day by day."""
    day = LedgerDay
    query = select(day.machine_id, day.boot, day.day, day.count.label("rows"), day.stored, day.rejected)
    return (await connection.execute(query.where(tuple_(day.machine_id, day.boot).in_(boots)))).all()


async def losses(connection: Executor, boots: Collection[BootKey]) -> Rows:
    """What the machines have told to have given up."""
    loss = LedgerLoss
    query = select(loss.machine_id, loss.boot, loss.first_seq, loss.last_seq)
    return (await connection.execute(query.where(tuple_(loss.machine_id, loss.boot).in_(boots)))).all()


async def ends(connection: Executor, boots: Collection[BootKey]) -> Rows:
    """How far the boots went that have ended."""
    end = LedgerEnd
    query = select(end.machine_id, end.boot, end.last_seq)
    return (await connection.execute(query.where(tuple_(end.machine_id, end.boot).in_(boots)))).all()


async def keep_days(
    connection: AsyncConnection, day_ms: int, rows: Sequence[Values], gone: Collection[BootKey]
) -> None:
    """Write what was counted of a day; `gone` are boots that have nothing in it any more."""
    await _statements(connection).upsert(connection, DAYS, rows)
    if gone:
        key = tuple_(LedgerDay.machine_id, LedgerDay.boot)
        await connection.execute(delete(LedgerDay).where(key.in_(gone), LedgerDay.day == day_ms))


async def keep_boots(connection: AsyncConnection, rows: Sequence[Values], gone: Collection[BootKey]) -> None:
    """Write the totals of boots; of the `gone` nothing is known any more."""
    await _statements(connection).upsert(connection, BOOTS, rows)
    if gone:
        await connection.execute(delete(LedgerBoot).where(tuple_(LedgerBoot.machine_id, LedgerBoot.boot).in_(gone)))


def _statements(connection: AsyncConnection) -> Statements:
    return Statements(is_sqlite=connection.dialect.name == "sqlite")
