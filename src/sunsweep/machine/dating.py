"""Dates for what was written before anybody knew what time it was."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from sunsweep.machine.entry import Entry, dated

_APART_MS: Final = 1
"""Between the last message of one boot and the first of the next: nobody knows how long the power was off."""


def date_all(entries: Iterable[Entry], *, boot: int, offset_ms: int, started_ms: int) -> Iterator[tuple[Entry, Entry]]:
    """Every undated entry, and the same dated; `entries` are all that is held, in the order of writing.

    This boot's own (`boot`) are its monotonic readings plus `offset_ms`. An earlier boot's keep their distances, are
    laid as late as they can have been (before `started_ms` and before whatever of a later boot follows them), not
    before the dated entry that precedes them, and are flagged.
    """
    waiting: list[list[Entry]] = []
    floors_ms: list[int] = []
    floor_ms = 0
    for (its_boot, is_dated), run in groupby(entries, key=lambda entry: (entry.boot, entry.dated)):
        if is_dated:
            floor_ms = max(entry.ts_ms for entry in run)
        elif its_boot == boot:
            yield from ((entry, dated(entry, entry.ts_ms + offset_ms)) for entry in run)
        else:
            waiting.append(list(run))
            floors_ms.append(floor_ms)
    ceiling_ms = started_ms
    for entries_of_run, floor in zip(reversed(waiting), reversed(floors_ms), strict=True):
        last_ms = entries_of_run[-1].ts_ms
        dates_ms = [max(floor, ceiling_ms - _APART_MS - (last_ms - entry.ts_ms)) for entry in entries_of_run]
        yield from (
            (entry, dated(entry, ms, estimated=True)) for entry, ms in zip(entries_of_run, dates_ms, strict=True)
        )
        ceiling_ms = dates_ms[0]
