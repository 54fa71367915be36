"""Recounting from the raw rows, machine by machine, what the ledger and the hour roll-ups have counted."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.times import iso
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.state import state_of
from sunsweep.server.features.ledger import repository, service
from sunsweep.server.features.ledger.account import Day, Totals, totals
from sunsweep.server.features.ledger.counted import counted, read_day
from sunsweep.server.features.ledger.recount import DayKey, recount
from sunsweep.server.features.ledger.repository import DAY_MS, MachineName, Span

WINDOW_MS: Final = 7 * DAY_MS
"""Raw rows of so many days are looked at together."""

BOOTS_AT_ONCE: Final = 200
SHOWN: Final = 10
"""Ranges of a disagreement's words."""

Said = Day | int | tuple[int, ...] | None


class Disagreement(NamedTuple):
    """What was counted of a day or in all (of a boot) or of an hour (of samples) is not what it was counted from."""

    company_id: int
    machine_id: str
    boot: int | None
    """None: samples of an hour, as its roll-up counts them."""
    start: str | None
    """None: the boot's totals, as its days and the machine's own words make them."""
    counted: str
    found: str


class Checked(NamedTuple):
    """A machine, recounted; boots and totals are as of now."""

    boots: int
    totals: Totals
    unnumbered: int
    disagreements: Sequence[Disagreement]


async def check(database: Database, machines: Sequence[MachineName], *, now_ms: Clock) -> AsyncIterator[Checked]:
    """Each machine in a moment of its own, so that the platform may go on working."""
    for machine in machines:
        async with database.snapshot() as snapshot:
            yield await _machine(snapshot, machine, now_ms=now_ms())


async def _machine(snapshot: AsyncSession, machine: MachineName, *, now_ms: int) -> Checked:
    wrong = [found async for found in _disagreements(snapshot, machine)]
    outline = await service.outline(snapshot, machine.id, now_ms=now_ms)
    sums = Totals(0, 0, 0, 0)
    for at in range(0, len(outline.places), BOOTS_AT_ONCE):
        places = outline.places[at : at + BOOTS_AT_ONCE]
        for _, boot in await service.accounts(snapshot, machine.id, places, outline.fresh):
            sums = Totals(*map(sum, zip(sums, totals(boot.account), strict=True)))
    return Checked(len(outline.places), sums, outline.unnumbered, wrong)


async def _disagreements(snapshot: AsyncSession, machine: MachineName) -> AsyncIterator[Disagreement]:
    """Of what is closed, not marked, and not purged."""
    closed = await state_of(snapshot, "rolled_until")
    marked = set(await repository.marked_hours(snapshot, machine.id))
    at = -(-await repository.raw_since(snapshot, machine.id) // DAY_MS) * DAY_MS
    while (first := await repository.earliest(snapshot, machine.id, Span(at, closed))) < closed:
        day = first // DAY_MS * DAY_MS
        window = Span(day, min(day + WINDOW_MS, closed))
        at = window.to_ms
        for found in [
            *await _days(snapshot, machine, window, marked),
            *await _hours(snapshot, machine, window, marked),
        ]:
            yield found
    for found in await _totals(snapshot, machine):
        yield found


async def _totals(snapshot: AsyncSession, machine: MachineName) -> list[Disagreement]:
    """Of boots of which nothing has been told since that may change them."""
    said = {(machine.id, row.boot): tuple(row)[1:] for row in await repository.totals_of(snapshot, machine.id)}
    known = {(machine.id, row.boot) for row in await repository.known_boots(snapshot, machine.id)}
    boots = sorted((known | said.keys()) - await repository.boots_with_news(snapshot, [machine.id]))
    wrong = []
    for at in range(0, len(boots), BOOTS_AT_ONCE):
        for key, boot in (await counted(snapshot, boots[at : at + BOOTS_AT_ONCE])).items():
            sums = (boot.account.last, *totals(boot.account)) if boot.account.last else None
            if said.get(key) != sums:
                wrong.append(_disagreement(machine, key[1], None, said.get(key), sums))
    return wrong


async def _days(snapshot: AsyncSession, machine: MachineName, window: Span, marked: set[int]) -> Iterator[Disagreement]:
    whole = Span(window.from_ms, window.to_ms // DAY_MS * DAY_MS)
    unsettled = {hour // DAY_MS * DAY_MS for hour in marked}
    rows = await repository.days_between(snapshot, machine.id, whole)
    before: Mapping[DayKey, Day] = {(row.machine_id, row.boot, row.day): read_day(row) for row in rows}
    found = (await recount(snapshot, [machine.id], [whole])).days
    return (
        _disagreement(machine, key[1], key[2], before.get(key), found.get(key))
        for key in sorted(before.keys() | found.keys())
        if key[2] not in unsettled and before.get(key) != found.get(key)
    )


async def _hours(
    snapshot: AsyncSession, machine: MachineName, window: Span, marked: set[int]
) -> Iterator[Disagreement]:
    before = {row.hour: row.rows for row in await repository.rolled_samples(snapshot, machine.id, window)}
    found = {row.hour: row.rows for row in await repository.raw_samples(snapshot, machine.id, window)}
    return (
        _disagreement(machine, None, hour, before.get(hour), found.get(hour))
        for hour in sorted(before.keys() | found.keys())
        if hour not in marked and before.get(hour) != found.get(hour)
    )


def _disagreement(machine: MachineName, boot: int | None, start: int | None, said: Said, found: Said) -> Disagreement:
    begin = None if start is None else iso(start)
    return Disagreement(machine.company_id, machine.serial, boot, begin, _words(said), _words(found))


def _words(said: Said) -> str:
    match said:
        case None:
            return "nothing"
        case int():
            return f"{said} rows"
        case Day(rows, ranges, refusals):
            refused = f", rejected {_list(refusals)}" if refusals else ""
            return f"{rows} rows, stored {_list(ranges)}{refused}"
        case _:
            last, stored, rejected, given_up, missing = said
            return f"last {last}, stored {stored}, rejected {rejected}, given up {given_up}, missing {missing}"


def _list(ranges: Sequence[tuple[int | str, ...]]) -> str:
    shown = " ".join("-".join(map(str, part)) for part in ranges[:SHOWN])
    return f"{shown} and {len(ranges) - SHOWN} ranges more" if len(ranges) > SHOWN else shown
