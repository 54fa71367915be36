"""SQL of history. Every query carries a time bound."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Integer, Row, cast, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import StatusEvent, TelemetryRow

MEASURED: Final = ("battery", "solar_v", "solar_a", "water")

HistoryRow = TypeVar("HistoryRow", TelemetryRow, StatusEvent)

Key = tuple[int, int, int]
"""(ts, boot, seq)."""


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


async def buckets(
    session: AsyncSession, machine_id: int, span: Span, *, bucket_ms: int, limit: int
) -> Sequence[Row[Any]]:
    """Count, mean, minimum and maximum of each measured field per bucket; `bucket` is its start.

    It must not be named as the column is: databases would group by that.
    """
    row = TelemetryRow
    start: ColumnElement[int] = row.ts - row.ts % bucket_ms
    columns = [
        function(getattr(row, name)).label(f"{name}_{word}")
        for name in MEASURED
        for word, function in (("mean", func.avg), ("min", func.min), ("max", func.max))
    ]
    query = (
        select(cast(start, Integer).label("bucket"), func.count().label("count"), *columns)
        .where(row.machine_id == machine_id, row.ts >= span.from_ms, row.ts < span.to_ms)
        .group_by("bucket")
        .order_by("bucket")
        .limit(limit)
    )
    return (await session.execute(query)).all()
