"""The ledger's days as the raw rows tell them."""

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import NamedTuple

from sunsweep.server.features.ledger import repository
from sunsweep.server.features.ledger.account import Day
from sunsweep.server.features.ledger.ranges import Range, Refused, refused_union, union
from sunsweep.server.features.ledger.repository import BootKey, Executor, Span

DayKey = tuple[int, int, int]
"""(machine, boot, day)."""


class Recount(NamedTuple):
    """Days, and when something of a boot was measured (or came and was rejected) last."""

    days: dict[DayKey, Day]
    newest: dict[BootKey, int]


async def recount(connection: Executor, machine_ids: Collection[int], span: Span) -> Recount:
    """Of a span of whole UTC days."""
    counts: Counter[DayKey] = Counter()
    stored: defaultdict[DayKey, list[Range]] = defaultdict(list)
    rejected: defaultdict[DayKey, list[Refused]] = defaultdict(list)
    newest: dict[BootKey, int] = {}
    for row in await repository.stored_runs(connection, machine_ids, span):
        key = (row.machine_id, row.boot, row.day)
        counts[key] += row.rows
        stored[key].append((row.first, row.last))
        newest[key[:2]] = max(newest.get(key[:2], 0), row.newest)
    for row in await repository.rejected_runs(connection, machine_ids, span):
        key = (row.machine_id, row.boot, row.day)
        rejected[key].append((row.first, row.last, row.reason))
        newest[key[:2]] = max(newest.get(key[:2], 0), row.newest)
    for row in await repository.unnumbered(connection, machine_ids, span):
        counts[row.machine_id, 0, row.day] += row.rows
    days = {
        key: Day(counts[key], tuple(union(stored.get(key, ()))), tuple(refused_union(rejected.get(key, ()), ())))
        for key in counts.keys() | rejected.keys()
    }
    return Recount(days, newest)
