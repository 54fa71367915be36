"""The ledger as it stands now: what has been counted, and what came since from the raw rows themselves."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.state import state_of
from sunsweep.server.errors import InvalidError
from sunsweep.server.features.ledger import repository
from sunsweep.server.features.ledger.counted import BootAccount, counted
from sunsweep.server.features.ledger.recount import Recount, recount
from sunsweep.server.features.ledger.repository import DAY_MS, Span

Place = tuple[int, int]
"""Where a boot stands among a machine's: (when it was heard of last, boot)."""


class Outline(NamedTuple):
    """A machine's boots, the newest first, the days that are not counted yet, and the rows without a number."""

    places: Sequence[Place]
    fresh: Recount
    unnumbered: int


async def outline(snapshot: AsyncSession, machine_id: int, *, now_ms: int) -> Outline:
    """In a snapshot: a row that comes between two reads would otherwise be in one of them only."""
    fresh = await recount(snapshot, [machine_id], await _uncounted(snapshot, machine_id, now_ms=now_ms))
    last = {boot: at for (_, boot), at in fresh.newest.items()}
    for row in await repository.known_boots(snapshot, machine_id):
        last[row.boot] = max(last.get(row.boot, 0), row.last_day or 0)
    places = sorted(((at, boot) for boot, at in last.items()), reverse=True)
    unnumbered = sum(day.rows for (_, boot, _), day in fresh.days.items() if boot == 0)
    for row in await repository.counted_unnumbered(snapshot, machine_id):
        unnumbered += 0 if fresh.covers(row.day) else row.rows
    return Outline(places, fresh, unnumbered)


async def accounts(
    snapshot: AsyncSession, machine_id: int, places: Iterable[Place], fresh: Recount
) -> list[tuple[int, BootAccount]]:
    """The accounts of these boots, in their order."""
    keys = [(machine_id, boot) for _, boot in places]
    found = await counted(snapshot, keys, fresh) if keys else {}
    return [(key[1], found[key]) for key in keys]


def page(places: Sequence[Place], *, boot: int | None, cursor: str, limit: int) -> tuple[list[Place], str | None]:
    """A page of boots, and the next one's cursor; raises `InvalidError`."""
    before = _read_cursor(cursor)
    left = [place for place in places if (boot is None or place[1] == boot) and (before is None or place < before)]
    shown = left[:limit]
    return shown, f"{shown[-1][0]}.{shown[-1][1]}" if len(left) > limit else None


async def _uncounted(snapshot: AsyncSession, machine_id: int, *, now_ms: int) -> list[Span]:
    """The days that have not been counted, or not since something was stored into them, as far as raw rows reach."""
    raw_since = await repository.raw_since(snapshot, machine_id)
    open_from = await state_of(snapshot, "rolled_until") // DAY_MS * DAY_MS
    marked = {hour // DAY_MS * DAY_MS for hour in await repository.marked_hours(snapshot, machine_id)}
    closed = sorted(day for day in marked if raw_since <= day < open_from)
    # A machine's clock, and our own among several computers, may be a little ahead.
    end = now_ms // DAY_MS * DAY_MS + 2 * DAY_MS
    return [*_spans(closed), Span(open_from, max(end, open_from + DAY_MS))]


def _spans(days: Iterable[int]) -> list[Span]:
    """Neighbouring days in one span."""
    spans: list[Span] = []
    for day in days:
        if spans and spans[-1].to_ms == day:
            spans[-1] = Span(spans[-1].from_ms, day + DAY_MS)
        else:
            spans.append(Span(day, day + DAY_MS))
    return spans


def _read_cursor(cursor: str) -> Place | None:
    at, dot, boot = cursor.partition(".")
    if not cursor:
        return None
    if not (dot and at.isascii() and at.isdecimal() and boot.isascii() and boot.isdecimal()):
        raise InvalidError("that is no cursor of ours", field="cursor")
    return int(at), int(boot)
