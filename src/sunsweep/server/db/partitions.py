"""Weekly partitions of `telemetry` on MySQL and MariaDB; SQLite has none.

Their statements commit by themselves. They wait only briefly for those who read the table: whoever comes meanwhile has
to queue behind them.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.server.db.engine import Database

OPEN: Final = "p_open"
"""The last partition, which takes whatever lies beyond the others."""
LOCK_WAIT_S: Final = 1

_LIST: Final = text(
    "SELECT partition_name, partition_description FROM information_schema.partitions"
    " WHERE table_schema = DATABASE() AND table_name = 'telemetry' AND partition_description <> 'MAXVALUE'"
    " ORDER BY partition_ordinal_position"
)


class Partition(NamedTuple):
    """Rows measured before `until_ms` that no earlier partition holds."""

    name: str
    until_ms: int


async def partitions(database: Database) -> list[Partition]:
    """All but the open one, oldest first."""
    async with database.read() as session:
        return [Partition(name, int(bound)) for name, bound in await session.execute(_LIST)]


async def split_open(database: Database, bounds: Sequence[int]) -> None:
    """Make partitions up to these instants, ascending, out of the open one."""
    weeks = ", ".join(f"PARTITION {name_of(bound)} VALUES LESS THAN ({bound})" for bound in bounds)
    async with _alone(database) as connection:
        await connection.execute(
            text(
                f"ALTER TABLE telemetry REORGANIZE PARTITION {OPEN} INTO"
                f" ({weeks}, PARTITION {OPEN} VALUES LESS THAN MAXVALUE)"
            )
        )


async def drop(database: Database, partition: Partition) -> None:
    """Drop a partition with all its rows."""
    async with _alone(database) as connection:
        await connection.execute(text(f"ALTER TABLE telemetry DROP PARTITION {partition.name}"))


def name_of(until_ms: int) -> str:
    """A partition is named by its upper bound."""
    return datetime.fromtimestamp(until_ms / 1000, UTC).strftime("p%Y%m%d")


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[AsyncConnection]:
    async with database.outside_transactions() as connection:
        await connection.execute(text(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_S}"))
        try:
            yield connection
        finally:
            # Nobody else is to have a connection that waits so briefly, and one that was cut off says nothing more.
            await connection.invalidate()
