"""A machine's history as a file, made while it is sent: a page at a time, each read in a transaction of its own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from enum import StrEnum
from itertools import chain
from typing import Any, Final, NamedTuple, Protocol

from msgspec import json

from sunsweep.server.db.engine import Database
from sunsweep.server.features.telemetry import buckets, repository
from sunsweep.server.features.telemetry.buckets import Bucket
from sunsweep.server.features.telemetry.choice import Choice
from sunsweep.server.features.telemetry.grid import Grid
from sunsweep.server.features.telemetry.repository import Span
from sunsweep.server.features.telemetry.rollup import columns_of

ROWS_AT_ONCE: Final = 500
"""Of up to 64 KiB each."""

Row = tuple[Any, ...]


class Kind(StrEnum):
    TIME = "time"
    WHOLE = "whole"
    NUMBER = "number"
    JSON = "json"


class Column(NamedTuple):
    """A column of the file; a time is milliseconds since 1970 until it is written."""

    name: str
    kind: Kind
    unit: str = ""


class File(Protocol):
    """A format, written piece by piece."""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """What the file goes on with."""

    def end(self) -> bytes:
        """What closes it."""


_MEASURED: Final = (("battery_v", "V"), ("solar_v", "V"), ("solar_a", "A"), ("water_percent", "%"))
_TS: Final = Column("ts", Kind.TIME)
_EXTRA: Final = Column("extra", Kind.JSON)
SAMPLES: Final = (
    _TS,
    *(Column(name, Kind.NUMBER, unit) for name, unit in _MEASURED),
    _EXTRA,
    Column("received_at", Kind.TIME),
    Column("boot", Kind.WHOLE),
    Column("seq", Kind.WHOLE),
)


def _spread(name: str, unit: str) -> Iterator[Column]:
    yield Column(f"{name}_count", Kind.WHOLE)
    for word in ("min", "max", "mean"):
        yield Column(f"{name}_{word}", Kind.NUMBER, unit)


BUCKETS: Final = (
    _TS,
    Column("count", Kind.WHOLE),
    *chain.from_iterable(_spread(name, unit) for name, unit in _MEASURED),
    _EXTRA,
)


def columns(grid: Grid | None) -> tuple[Column, ...]:
    return SAMPLES if grid is None else BUCKETS


async def content(database: Database, machine_id: int, chosen: Choice, file: File) -> AsyncIterator[bytes]:
    """The file, in pieces. Nobody else's work waits for its making."""
    async with aclosing(_pages(database, machine_id, chosen)) as pages:
        async for rows in pages:
            piece = await asyncio.to_thread(file.rows, rows)
            if piece:
                yield piece
    yield await asyncio.to_thread(file.end)


async def begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, the first of them made already: what fails until then can still be said."""
    first = await anext(pieces)

    async def all_of_them() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return all_of_them()


def _pages(database: Database, machine_id: int, chosen: Choice) -> AsyncGenerator[Sequence[Row]]:
    if chosen.grid is None:
        return _samples(database, machine_id, chosen.span)
    return _buckets(database, machine_id, chosen.span, chosen.grid)


async def _samples(database: Database, machine_id: int, span: Span) -> AsyncGenerator[Sequence[Row]]:
    after = None
    while True:
        async with database.read() as session:
            found = await repository.samples(session, machine_id, span, after=after, limit=ROWS_AT_ONCE, whole=True)
        # A number of ours is none of the machine's.
        yield [tuple(row) if row.boot else (*row[:-2], None, None) for row in found]
        if len(found) < ROWS_AT_ONCE:
            return
        after = (found[-1].ts, found[-1].boot, found[-1].seq)


async def _buckets(database: Database, machine_id: int, span: Span, grid: Grid) -> AsyncGenerator[Sequence[Row]]:
    left: Span | None = span
    while left is not None:
        async with database.read() as session:
            page = await buckets.read(session, machine_id, left, grid, limit=ROWS_AT_ONCE)
        yield [_bucket_row(bucket) for bucket in page.buckets]
        left = None if page.next_ms is None else Span(page.next_ms, span.to_ms)


def _bucket_row(bucket: Bucket) -> Row:
    start, figures = bucket
    *said, _ = columns_of(figures)
    extra = {
        key: {"count": spread.count, "mean": spread.mean, "min": spread.min, "max": spread.max}
        for key, spread in figures.extra.items()
    }
    return start, *said, json.encode(extra).decode() if extra else None
