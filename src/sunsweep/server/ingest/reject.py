"""Dead letters: what was refused is kept, with its bytes up to a cap per machine and UTC day.

Beyond ten times the cap what no ledger counts is a number of the day's: a machine that sends nothing but rubbish at
full speed costs a statement a batch, not a row a message, and no look at what was counted before, which only grows. The
last letter that is listed says so.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import DeadLetterDay
from sunsweep.server.db.statements import Row, Statements, Table
from sunsweep.server.ingest.messages import Accepted, Rejected
from sunsweep.server.ingest.rows import DEAD_LETTERS, dead_letter

PER_DAY: Final = 100
LISTED_TIMES: Final = 10
"""So many times as many are listed as keep their bytes, at least a thousand."""
DAY_MS: Final = 86_400_000
NOBODY: Final = 0
"""Stands for the machine of what no machine of ours has sent."""

_DAYS: Final = Table("dead_letter_day", ("machine_id", "day"), ("machine_id", "day", "refused", "kept"))
_PAYLOAD: Final = DEAD_LETTERS.columns.index("payload")
_DETAIL: Final = DEAD_LETTERS.columns.index("detail")
_LAST: Final = "the last of the day that is listed; what follows is counted"

_Key = tuple[int, int]
"""(machine or nobody, UTC day in ms)."""


class Letters(Protocol):
    """What becomes of refusals, in the transaction that stores the rest of their batch."""

    async def settle(
        self, connection: AsyncConnection, accepted: Sequence[Accepted], rejected: Sequence[Rejected]
    ) -> int:
        """Of how many the bytes are not kept."""


class NewLetters:
    """Of messages as they come: each refusal leaves a dead letter."""

    def __init__(self, database: Database, *, per_day: int = PER_DAY) -> None:
        self._statements = Statements(is_sqlite=database.is_sqlite)
        self._per_day = per_day
        self._last = max(per_day, PER_DAY) * LISTED_TIMES
        self._full: set[_Key] = set()
        """Days that list no more, as was committed before."""

    async def settle(
        self, connection: AsyncConnection, accepted: Sequence[Accepted], rejected: Sequence[Rejected]
    ) -> int:
        del accepted
        if not rejected:
            return 0
        counted = Counter([_key(item) for item in rejected if self._is_counted_only(item)])
        await self._statements.add(connection, _DAYS, [(*key, number, 0) for key, number in counted.items()])
        listed = [item for item in rejected if not self._is_counted_only(item)] if counted else rejected
        return len(rejected) - await self._list(connection, listed)

    def _is_counted_only(self, item: Rejected) -> bool:
        return item.numbered is None and _key(item) in self._full

    async def _list(self, connection: AsyncConnection, rejected: Sequence[Rejected]) -> int:
        """Of how many the bytes are kept."""
        if not rejected:
            return 0
        kept = await self._held_days(connection, sorted(set(map(_key, rejected))))
        self._remember(kept)
        rows = [row for item in rejected if (row := self._row(item, kept)) is not None]
        await self._statements.upsert(connection, _DAYS, [(*key, *counts) for key, counts in kept.items()])
        await self._statements.insert_new(connection, DEAD_LETTERS, rows)
        return sum([row[_PAYLOAD] is not None for row in rows])

    def _remember(self, kept: dict[_Key, tuple[int, int]]) -> None:
        """Which of these days list no more; others' days are forgotten, for most of them are over."""
        days = {day for _, day in kept}
        self._full = {key for key in self._full if key[1] in days}
        self._full |= {key for key, (refused, _) in kept.items() if refused >= self._last}

    def _row(self, item: Rejected, kept: dict[_Key, tuple[int, int]]) -> Row | None:
        """The letter, which is counted; None where the count is all that is kept."""
        key = _key(item)
        refused, with_bytes = kept[key]
        if with_bytes < self._per_day:
            kept[key] = (refused + 1, with_bytes + 1)
            return dead_letter(item)
        kept[key] = (refused + 1, with_bytes)
        if refused >= self._last and item.numbered is None:
            return None
        row = dead_letter(item)
        row = (*row[:_PAYLOAD], None, *row[_PAYLOAD + 1 :])
        return (*row[:_DETAIL], _LAST, *row[_DETAIL + 1 :]) if refused == self._last - 1 else row

    async def _held_days(self, connection: AsyncConnection, keys: list[_Key]) -> dict[_Key, tuple[int, int]]:
        """How many were refused and kept so far; nobody else counts on before this commit."""
        # A row that is not there cannot be locked.
        await self._statements.insert_new(connection, _DAYS, [(*key, 0, 0) for key in keys])
        columns = (DeadLetterDay.machine_id, DeadLetterDay.day, DeadLetterDay.refused, DeadLetterDay.kept)
        query = select(*columns).where(tuple_(DeadLetterDay.machine_id, DeadLetterDay.day).in_(keys))
        rows = await connection.execute(query.order_by(*columns[:2]).with_for_update())
        return {(machine_id, day): (refused, kept) for machine_id, day, refused, kept in rows}


def _key(item: Rejected) -> _Key:
    return item.machine.id if item.machine else NOBODY, item.message.received_ms // DAY_MS * DAY_MS
