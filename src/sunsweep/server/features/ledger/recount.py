"""The ledger's days as the raw rows tell them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from sunsweep.server.features.ledger import repository
from sunsweep.server.features.ledger.account import Day
from sunsweep.server.features.ledger.ranges import Range, Refused, refused_union, union
from sunsweep.server.features.ledger.repository import BootKey, Executor, Span

DayKey = tuple[int, int, int]
"""(machine, boot, day)."""

MAX_RANGES: Final = 50_000
"""Of a boot's day, stored and rejected each: more would not pass the database. Beyond it the account is silent."""


class Recount(NamedTuple):
    """The days of `spans`; `newest` is when something of a boot was measured (or came and was rejected) last."""

    spans: Sequence[Span]
    days: Mapping[DayKey, Day]
    newest: Mapping[BootKey, int]

    def covers(self, day_ms: int) -> bool:
        return any(span.from_ms <= day_ms < span.to_ms for span in self.spans)


async def recount(connection: Executor, machine_ids: Collection[int], spans: Sequence[Span]) -> Recount:
    """Of spans of whole UTC days that do not overlap."""
    tally = _Tally()
    for span in spans:
        for row in await repository.stored_runs(connection, machine_ids, span):
            tally.store(row.machine_id, row.boot, row.day, (row.first, row.last), rows=row.rows, at=row.newest)
        for row in await repository.rejected_runs(connection, machine_ids, span):
            tally.reject(row.machine_id, row.boot, row.day, (row.first, row.last, row.reason), at=row.newest)
        for row in await repository.unnumbered(connection, machine_ids, span):
            tally.counts[row.machine_id, 0, row.day] += row.rows
    return Recount(spans, tally.days(), tally.newest)


class _Tally:
    """What the rows of several tables say of the same days."""

    def __init__(self) -> None:
        self.counts: Counter[DayKey] = Counter()
        self.newest: dict[BootKey, int] = {}
        self._stored: defaultdict[DayKey, list[Range]] = defaultdict(list)
        self._rejected: defaultdict[DayKey, list[Refused]] = defaultdict(list)

    def store(self, machine_id: int, boot: int, day: int, numbers: Range, *, rows: int, at: int) -> None:
        self.counts[machine_id, boot, day] += rows
        self._stored[machine_id, boot, day].append(numbers)
        self._saw(machine_id, boot, at)

    def reject(self, machine_id: int, boot: int, day: int, numbers: Refused, *, at: int) -> None:
        self._rejected[machine_id, boot, day].append(numbers)
        self._saw(machine_id, boot, at)

    def days(self) -> dict[DayKey, Day]:
        return {
            key: Day(
                self.counts[key],
                tuple(islice(union(self._stored.get(key, ())), MAX_RANGES)),
                tuple(islice(refused_union(self._rejected.get(key, ()), ()), MAX_RANGES)),
            )
            for key in self.counts.keys() | self._rejected.keys()
        }

    def _saw(self, machine_id: int, boot: int, at: int) -> None:
        self.newest[machine_id, boot] = max(self.newest.get((machine_id, boot), 0), at)
