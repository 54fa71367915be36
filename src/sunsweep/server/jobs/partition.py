"""Weekly partitions of telemetry, made ahead."""

from typing import Final

import structlog

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.partitions import partitions, split_open

log = structlog.get_logger(__name__)

WEEK_MS: Final = 604_800_000
FIRST_MONDAY_MS: Final = 345_600_000
"""The fifth of January 1970."""
WEEKS_AHEAD: Final = 4


async def make_partitions_ahead(database: Database, *, now_ms: Clock) -> None:
    """Have this week and the next ones stand; what is there stays. SQLite has no partitions."""
    if database.is_sqlite:
        return
    known = max((partition.until_ms for partition in await partitions(database)), default=0)
    monday = now_ms() - (now_ms() - FIRST_MONDAY_MS) % WEEK_MS
    wanted = [bound for week in range(WEEKS_AHEAD + 2) if (bound := monday + week * WEEK_MS) > known]
    if wanted:
        log.info("partitions are made", weeks=len(wanted))
        await split_open(database, wanted)
