"""History: which span, in which resolution, in pages."""

import re
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from msgspec import json
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.limits import MAX_CLOCK_AHEAD_MS
from sunsweep.contract.times import iso, to_ms
from sunsweep.server.db.models import Machine, StatusEvent, TelemetryRow
from sunsweep.server.db.types import MAX_ID
from sunsweep.server.errors import InvalidError
from sunsweep.server.features.telemetry import buckets, repository
from sunsweep.server.features.telemetry.buckets import Bucket
from sunsweep.server.features.telemetry.choice import Choice, choose
from sunsweep.server.features.telemetry.grid import BASE_MS, DAY_MS, MINUTE_MS, Grid, Resolution, chosen_grid
from sunsweep.server.features.telemetry.repository import MEASURED, HistoryRow, Key, Span

PAGE_BYTES: Final = 16 * 2**20
ROWS_AT_ONCE: Final = 500

_CURSOR: Final = re.compile(r"(-?[0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,19})", re.ASCII)
_BUCKET_NAMES: Final = tuple((f"{n}_count", f"{n}_mean", f"{n}_min", f"{n}_max") for n in MEASURED)
_BUCKET_CURSOR: Final = re.compile(r"(-?[0-9]{1,18})x([1-9][0-9]{0,9})", re.ASCII)


class _BucketKey(NamedTuple):
    """Where the next page of buckets begins, and how wide they are: pages of one answer have one grid."""

    start_ms: int
    grid: Grid


class Points(NamedTuple):
    """A page of history, as shown."""

    resolution: Resolution
    bucket_s: int | None
    items: list[dict[str, Any]]
    next_cursor: str | None


def read_instant(text: str, field: str) -> int:
    """Milliseconds of an ISO 8601 text with a zone; raises `InvalidError` naming the field."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(f"{field} is no ISO 8601 time", field=field) from error
    if instant.tzinfo is None:
        raise InvalidError(f"{field} needs a zone, such as 2026-01-31T00:00:00Z", field=field)
    return to_ms(instant)


_END_OF_TIME_MS: Final = to_ms(datetime(9999, 1, 1, tzinfo=UTC))


def span(begin: datetime | None, end: datetime | None, *, now_ms: int) -> Span:
    """The span asked for, by default the last day; raises `InvalidError`."""
    for name, instant in (("from", begin), ("to", end)):
        if instant is not None and instant.tzinfo is None:
            raise InvalidError(f"{name} needs a zone, such as 2026-01-31T00:00:00Z", field=name)
    # A measurement may be dated a little ahead of our clock.
    to = to_ms(end) if end else now_ms + MAX_CLOCK_AHEAD_MS
    since = to_ms(begin) if begin else to - DAY_MS
    if since >= to:
        raise InvalidError("from must lie before to", field="from")
    # Buckets begin before and end after it, and must have a date too; nothing was measured before 1970.
    return Span(min(max(since, 0), _END_OF_TIME_MS - 1), min(max(to, 1), _END_OF_TIME_MS))


async def resolve(session: AsyncSession, machine: Machine, asked: Span, wish: Resolution, *, now_ms: int) -> Choice:
    """The grid of a resolution, None for the raw samples; `auto` also leaves out the time before history begins."""
    if wish is Resolution.AUTO:
        return await choose(session, machine, asked, until_ms=now_ms + MAX_CLOCK_AHEAD_MS)
    return Choice(asked, None if wish is Resolution.RAW else Grid(wish, BASE_MS[wish]))


async def telemetry(
    session: AsyncSession, machine: Machine, asked: Span, wish: Resolution, *, cursor: str, limit: int, now_ms: int
) -> Points:
    """A page of samples or of buckets; raises `InvalidError`."""
    after = _read_any_cursor(cursor, wish)
    if isinstance(after, _BucketKey):
        left = Span(max(asked.from_ms, after.start_ms), asked.to_ms)
        return await _buckets(session, machine.id, left, after.grid, limit=limit)
    if after is not None:
        return await _samples(session, machine.id, asked, after=after, limit=limit)
    chosen = await resolve(session, machine, asked, wish, now_ms=now_ms)
    if chosen.grid is None:
        return await _samples(session, machine.id, chosen.span, after=None, limit=limit)
    return await _buckets(session, machine.id, chosen.span, chosen.grid, limit=limit)


async def _samples(session: AsyncSession, machine_id: int, asked: Span, *, after: Key | None, limit: int) -> Points:
    rows, more = await page(session, TelemetryRow, machine_id, asked, after=after, limit=limit)
    return Points(Resolution.RAW, None, [sample_out(row) for row in rows], more)


async def page(
    session: AsyncSession, row: type[HistoryRow], machine_id: int, asked: Span, *, after: Key | None, limit: int
) -> tuple[list[HistoryRow], str | None]:
    """At most `limit` rows, and the cursor of the next page; one ends early rather than hold too many bytes."""
    found: list[HistoryRow] = []
    size = 0
    while len(found) <= limit and size < PAGE_BYTES:
        wanted = min(ROWS_AT_ONCE, limit + 1 - len(found))
        some = await repository.history(session, row, machine_id, asked, after=after, limit=wanted)
        found += some
        if len(some) < wanted:
            return found, None
        size += sum(len(each.extra or "") for each in some)
        after = (some[-1].ts, some[-1].boot, some[-1].seq)
    shown = found[:limit]
    return shown, cursor_of(shown[-1])


async def _buckets(session: AsyncSession, machine_id: int, asked: Span, grid: Grid, *, limit: int) -> Points:
    page = await buckets.read(session, machine_id, asked, grid, limit=limit)
    more = None if page.next_ms is None else f"{page.next_ms}x{grid.width_ms // MINUTE_MS}"
    items = [bucket_out(bucket) for bucket in page.buckets]
    return Points(grid.base, grid.width_ms // 1000, items, more)


def read_cursor(cursor: str) -> Key | None:
    """Raises `InvalidError`."""
    if not cursor:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None or int(match[3]) > MAX_ID:
        raise InvalidError("that is no cursor of ours", field="cursor")
    return int(match[1]), int(match[2]), int(match[3])


def _read_any_cursor(cursor: str, wish: Resolution) -> Key | _BucketKey | None:
    match = _BUCKET_CURSOR.fullmatch(cursor)
    if match is None:
        key = read_cursor(cursor)
        if key is not None and wish not in (Resolution.RAW, Resolution.AUTO):
            raise InvalidError("that is the cursor of another resolution", field="cursor")
        return key
    width_ms = int(match[2]) * MINUTE_MS
    if wish is not Resolution.AUTO and width_ms != BASE_MS.get(wish):
        raise InvalidError("that is the cursor of another resolution", field="cursor")
    grid = chosen_grid(width_ms)
    if grid is None:
        raise InvalidError("that is no cursor of ours", field="cursor")
    return _BucketKey(int(match[1]), grid)


def cursor_of(row: TelemetryRow | StatusEvent) -> str:
    return f"{row.ts}.{row.boot}.{row.seq}"


def sample_out(row: TelemetryRow) -> dict[str, Any]:
    """A raw sample with its times."""
    sample = {"ts": iso(row.ts), **{name: getattr(row, name) for name in MEASURED}}
    return {**sample, "extra": _object(row.extra), "received_at": iso(row.received_at)}


def sample_wire(row: TelemetryRow) -> dict[str, Any]:
    """A raw sample in the shape of the wire, for viewers who missed it."""
    sample = {name: value for name in MEASURED if (value := getattr(row, name)) is not None}
    extra = {"extra": _object(row.extra)} if row.extra else {}
    number = {"boot": row.boot, "seq": row.seq} if row.boot else {}
    return {**sample, **extra, "ts": iso(row.ts), **number}


def bucket_out(bucket: Bucket) -> dict[str, Any]:
    """A bucket, named by its start."""
    start, figures = bucket
    out: dict[str, Any] = {"ts": iso(start), "count": figures.count}
    for (count, mean, least, greatest), said in zip(_BUCKET_NAMES, figures.fields, strict=True):
        out[count], out[mean], out[least], out[greatest] = said.count, said.mean, said.min, said.max
    out["extra"] = {
        key: {"count": said.count, "mean": said.mean, "min": said.min, "max": said.max}
        for key, said in figures.extra.items()
    }
    return out


def event_out(row: StatusEvent) -> dict[str, Any]:
    """A change of state with its times."""
    said = {
        "status": row.status,
        "energy": row.energy,
        "water": row.water,
        "area": row.area,
        "extra": _object(row.extra),
    }
    return {"ts": iso(row.ts), **said, "received_at": iso(row.received_at)}


def _object(text: str | None) -> dict[str, Any]:
    found: dict[str, Any] = json.decode(text) if text else {}
    return found
