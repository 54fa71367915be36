"""Marks on closed hours into which something is stored, so that they are counted again."""

from collections.abc import Sequence
from itertools import chain

from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.server.db.state import held_state_of
from sunsweep.server.db.statements import Row, Statements
from sunsweep.server.ingest.messages import Rejected
from sunsweep.server.ingest.rows import DIRTY_HOURS, HOUR_MS


async def mark_closed_hours(
    connection: AsyncConnection, statements: Statements, rows: Sequence[Row], rejected: Sequence[Rejected]
) -> None:
    """In the commit that stores history `rows` and dead letters.

    The shared lock makes whoever closes an hour wait for this commit: what it does not mark, the closing counts.
    """
    letters = [
        (item.machine.id, item.message.received_ms)
        for item in rejected
        if item.machine is not None and item.numbered is not None
    ]
    if not rows and not letters:
        return
    closed_until = await held_state_of(connection, "closed_until")
    late = [row for row in chain(rows, letters) if row[1] < closed_until]
    await statements.insert_new(connection, DIRTY_HOURS, [*{(row[0], row[1] // HOUR_MS * HOUR_MS) for row in late}])
