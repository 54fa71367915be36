"""Which member a worker takes, and which it gives up: a decision on the table of seats, and nothing else."""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from sunsweep.server.db.seats import SeatTable


class Decision(NamedTuple):
    """At most one member to take and one to give up."""

    take: int | None
    give: int | None


def decide(table: SeatTable, worker: str, held: Collection[int], *, now_ms: int, adopt_after_ms: int) -> Decision:
    """A worker without a member takes one that has lapsed at once; a further one only after a while.

    A member beyond the number wanted is taken too, so that what its session holds is read before it ends.
    """
    lapsed = {
        number: lapsed_ms
        for number in table.seats
        if number not in held and (lapsed_ms := table.unheld_ms(number, now_ms)) is not None
    }
    patience_ms = adopt_after_ms if held else 0
    take = min((number for number, lapsed_ms in lapsed.items() if lapsed_ms >= patience_ms), default=None)
    give = max(held) if held and not lapsed and _is_to_give(table, worker) else None
    return Decision(take, give)


def _is_to_give(table: SeatTable, worker: str) -> bool:
    """Whether a living worker has no member, and this one has the most of all and more than its share."""
    counts = Counter(dict.fromkeys(table.workers, 0))
    counts.update(seat.holder for seat in table.seats.values() if seat.holder in table.workers)
    share = -(-table.members // max(1, len(table.workers)))
    most = max(counts, key=lambda one: (counts[one], one), default=None)
    return most == worker and counts[worker] > share and 0 in counts.values()
