"""SQL of history. Every query carries a time bound."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import Row, Select, case, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import Company, StatusEvent, TelemetryDay, TelemetryHour, TelemetryRow
from sunsweep.server.db.tenancy import owned
from sunsweep.server.features.telemetry.rollup import COLUMNS

MEASURED: Final = ("battery", "solar_v", "solar_a", "water")

HistoryRow = TypeVar("HistoryRow", TelemetryRow, StatusEvent)
RollupRow = type[TelemetryHour] | type[TelemetryDay]

Key = tuple[int, int, int]
"""(ts, boot, seq)."""

MAX_CHARTED_BYTES: Final = 16 * 1024
CHARTED: Final = (
    *(getattr(TelemetryRow, name) for name in ("ts", *MEASURED)),
    case((func.length(TelemetryRow.extra) <= MAX_CHARTED_BYTES, TelemetryRow.extra)).label("extra"),
)
"""A sample as `rollup.fold` takes it. Thousands are read at once: a long `extra` is kept and shown, not charted."""


class Span(NamedTuple):
    """From `from_ms`, inclusive, to `to_ms`, exclusive."""

    from_ms: int
    to_ms: int


async def history(
    session: AsyncSession, row: type[HistoryRow], machine_id: int, span: Span, *, after: Key | None, limit: int
) -> Sequence[HistoryRow]:
    """Raw samples or changes of state in the order of time; `after` is the last one known."""
    query = select(row).where(row.machine_id == machine_id, row.ts >= span.from_ms, row.ts < span.to_ms)
    if after is not None:
        query = query.where(row.ts >= after[0], tuple_(row.ts, row.boot, row.seq) > after)
    return (await session.scalars(query.order_by(row.ts, row.boot, row.seq).limit(limit))).all()


async def samples_after(session: AsyncSession, machine_id: int, span: Span, after: Key) -> int:
    """How many samples of the span come after one."""
    row = TelemetryRow
    query = select(func.count()).where(
        row.machine_id == machine_id, row.ts >= after[0], row.ts < span.to_ms, tuple_(row.ts, row.boot, row.seq) > after
    )
    return (await session.execute(query)).scalar_one()


async def samples(
    session: AsyncSession, machine_id: int, span: Span, *, after: Key | None, limit: int, whole: bool = False
) -> Sequence[Row[Any]]:
    """Samples in the order of time, as `rollup.fold` takes them or `whole`; then `received_at`, `boot` and `seq`."""
    row = TelemetryRow
    fields = (*CHARTED[:-1], row.extra) if whole else CHARTED
    query = _within(select(*fields, row.received_at, row.boot, row.seq), machine_id, span)
    if after is not None:
        query = query.where(row.ts >= after[0], tuple_(row.ts, row.boot, row.seq) > after)
    found: Sequence[Row[Any]] = (await session.execute(query.order_by(row.ts, row.boot, row.seq).limit(limit))).all()
    return found


async def rolled_up(
    session: AsyncSession, row: RollupRow, machine_id: int, span: Span, *, limit: int
) -> Sequence[Row[Any]]:
    """Roll-ups that begin within the span, in the order of time."""
    columns = (getattr(row, name) for name in COLUMNS)
    query: Select[Any] = select(row.start, *columns).where(
        row.machine_id == machine_id, row.start >= span.from_ms, row.start < span.to_ms
    )
    found: Sequence[Row[Any]] = (await session.execute(query.order_by(row.start).limit(limit))).all()
    return found


async def count_up_to(session: AsyncSession, machine_id: int, span: Span, most: int) -> int:
    """How many samples the span holds, as far as `most`."""
    found = _within(select(TelemetryRow.ts), machine_id, span).limit(most).subquery()
    return (await session.execute(select(func.count()).select_from(found))).scalar_one()


async def first_sample(session: AsyncSession, machine_id: int, span: Span) -> int | None:
    """When the first raw sample of the span was measured."""
    query = _within(select(TelemetryRow.ts), machine_id, span).order_by(TelemetryRow.ts).limit(1)
    return (await session.scalars(query)).first()


async def first_rolled_up(session: AsyncSession, row: RollupRow, machine_id: int, span: Span) -> int | None:
    """Where the first roll-up that begins within the span begins."""
    query = select(row.start).where(row.machine_id == machine_id, row.start >= span.from_ms, row.start < span.to_ms)
    return (await session.execute(query.order_by(row.start).limit(1))).scalar()


async def raw_since(session: AsyncSession, company_id: int) -> int:
    """Raw samples measured before are gone."""
    return (await session.execute(select(Company.raw_since).where(owned(Company, company_id)))).scalar_one()


def _within(query: Select[Any], machine_id: int, span: Span) -> Select[Any]:
    row = TelemetryRow
    return query.where(row.machine_id == machine_id, row.ts >= span.from_ms, row.ts < span.to_ms)
