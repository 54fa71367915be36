"""Dead letters: what was refused is kept, with its bytes up to a cap per machine and UTC day."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import DeadLetterDay
from sunsweep.server.db.statements import Statements, Table
from sunsweep.server.ingest.messages import Accepted, Rejected
from sunsweep.server.ingest.rows import DEAD_LETTERS, dead_letter

PER_DAY: Final = 100
DAY_MS: Final = 86_400_000
NOBODY: Final = 0
"""Stands for the machine of what no machine of ours has sent."""

_DAYS: Final = Table("dead_letter_day", ("machine_id", "day"), ("machine_id", "day", "refused", "kept"))
_PAYLOAD: Final = DEAD_LETTERS.columns.index("payload")

_Key = tuple[int, int]
"""(machine or nobody, UTC day in ms)."""


class Letters(Protocol):
    """What becomes of refusals, in the transaction that stores the rest of their batch."""

    async def settle(
        self, connection: AsyncConnection, accepted: Sequence[Accepted], rejected: Sequence[Rejected]
    ) -> int:
        """How many had to be kept without their bytes."""


class NewLetters:
    """Of messages as they come: each refusal leaves a dead letter."""

    def __init__(self, database: Database, *, per_day: int = PER_DAY) -> None:
        self._statements = Statements(is_sqlite=database.is_sqlite)
        self._per_day = per_day

    async def settle(
        self, connection: AsyncConnection, accepted: Sequence[Accepted], rejected: Sequence[Rejected]
    ) -> int:
        del accepted
        if not rejected:
            return 0
        came = Counter(map(_key, rejected))
        kept = await self._held_days(connection, sorted(came))
        rows = []
        for item in rejected:
            row, key = dead_letter(item), _key(item)
            if kept[key][1] < self._per_day:
                kept[key] = (kept[key][0], kept[key][1] + 1)
            else:
                row = (*row[:_PAYLOAD], None, *row[_PAYLOAD + 1 :])
            rows.append(row)
        days = [(*key, refused + came[key], with_bytes) for key, (refused, with_bytes) in kept.items()]
        await self._statements.upsert(connection, _DAYS, days)
        await self._statements.insert_new(connection, DEAD_LETTERS, rows)
        return sum(row[_PAYLOAD] is None for row in rows)

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
