"""Buckets of a grid: from the roll-ups for the hours that have been counted, from the raw samples for the rest."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import TelemetryDay, TelemetryHour, TelemetryRow
from sunsweep.server.db.state import state_of
from sunsweep.server.features.telemetry import repository
from sunsweep.server.features.telemetry.grid import DAY_MS, Grid, Resolution
from sunsweep.server.features.telemetry.repository import Key, Span
from sunsweep.server.features.telemetry.rollup import Figures, figures_of, fold, merge

Bucket = tuple[int, Figures]
"""Named by its start."""

ROWS_AT_ONCE: Final = 5000
ROWS_IN_THE_LOOP: Final = 200
"""So few cost less than the way to a thread and back."""
ROWS_A_PAGE: Final = 100_000
"""A page ends early rather than read more: an answer's cost has a bound, however often a machine samples."""


class Page(NamedTuple):
    """Whole buckets in the order of time, and where the next page begins."""

    buckets: list[Bucket]
    next_ms: int | None


class _Source(NamedTuple):
    """Which rows tell of which part of the span."""

    row: type[Any]
    span: Span


async def read(session: AsyncSession, machine_id: int, span: Span, grid: Grid, *, limit: int) -> Page:
    """The buckets that the span touches, each whole, at most `limit` of them."""
    found: dict[int, Figures] = {}
    read_rows = 0
    sources = await _sources(session, grid.whole(span), grid)
    async with aclosing(_rows(session, machine_id, sources)) as parts:
        async for row, rows in parts:
            if len(rows) < ROWS_IN_THE_LOOP:
                _add(found, row, rows, grid.width_ms)
            else:
                await asyncio.to_thread(_add, found, row, rows, grid.width_ms)
            read_rows += len(rows)
            if len(found) > limit:
                return _cut(found, limit)
            if read_rows >= ROWS_A_PAGE and len(found) > 1:
                return _cut(found, len(found) - 1)
    return Page(list(found.items()), None)


async def _sources(session: AsyncSession, span: Span, grid: Grid) -> list[_Source]:
    """In the order of time. An hour is a roll-up's before `rolled_until` and the samples' from there, never both."""
    if grid.base is Resolution.MINUTE:
        return [_Source(TelemetryRow, span)]
    counted = _within(span, await state_of(session, "rolled_until"))
    # The last of those days may have been counted further than `rolled_until`: its hours are read instead.
    days_until = _within(span, counted - counted % DAY_MS if grid.base is Resolution.DAY else span.from_ms)
    return [
        _Source(TelemetryDay, Span(span.from_ms, days_until)),
        _Source(TelemetryHour, Span(days_until, counted)),
        _Source(TelemetryRow, Span(counted, span.to_ms)),
    ]


def _within(span: Span, ms: int) -> int:
    return max(span.from_ms, min(span.to_ms, ms))


async def _rows(
    session: AsyncSession, machine_id: int, sources: list[_Source]
) -> AsyncGenerator[tuple[type[Any], Sequence[Any]]]:
    for row, span in sources:
        left, after, rows = span, None, None
        while left.from_ms < left.to_ms and (rows is None or len(rows) == ROWS_AT_ONCE):
            if row is TelemetryRow:
                rows = await repository.samples(session, machine_id, left, after=after, limit=ROWS_AT_ONCE)
                after = _key(rows)
            else:
                rows = await repository.rolled_up(session, row, machine_id, left, limit=ROWS_AT_ONCE)
                left = Span(rows[-1].start + 1, left.to_ms) if rows else left
            yield row, rows


def _key(samples: Sequence[Any]) -> Key | None:
    return (samples[-1].ts, samples[-1].boot, samples[-1].seq) if samples else None


def _add(found: dict[int, Figures], row: type[Any], rows: Sequence[Any], width_ms: int) -> None:
    """A part may go on with the bucket that the one before has begun."""
    if row is TelemetryRow:
        part = fold(rows, width_ms)
    else:
        part = merge(((row.start, figures_of(row)) for row in rows), width_ms)
    for start, figures in part.items():
        known = found.get(start)
        found[start] = figures if known is None else merge(((start, known), (start, figures)), width_ms)[start]


def _cut(found: dict[int, Figures], count: int) -> Page:
    """The first ones: they are whole, for a later one has begun."""
    buckets = list(found.items())
    return Page(buckets[:count], buckets[count][0])
