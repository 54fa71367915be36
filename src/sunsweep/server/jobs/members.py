"""Watches over the ingest's members: one that nobody holds is told of."""

from typing import Final

import structlog

from sunsweep.server import metrics
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.seats import UNHELD_MS, seat_table

log = structlog.get_logger(__name__)

EVERY_S: Final = 5.0


class UnheldMembers:
    """Counts them; a warning once for each that nobody has held for 15 s, and a line when somebody does again."""

    def __init__(self, database: Database, *, now_ms: Clock) -> None:
        self._database = database
        self._now_ms = now_ms
        self._since: dict[int, int] = {}
        self._told: set[int] = set()

    async def look(self) -> None:
        now_ms = self._now_ms()
        async with self._database.read() as session:
            table = await seat_table(session, now_ms=now_ms)
        unheld = table.unheld(now_ms)
        metrics.MEMBERS_UNHELD.set(len(unheld))
        self._since = {number: self._since.get(number, now_ms) for number in unheld}
        for number, since_ms in self._since.items():
            # From when it was seen first: one that nobody ever held has no time of its own.
            if number not in self._told and now_ms - since_ms >= UNHELD_MS:
                self._told.add(number)
                log.warning(
                    "nobody reads through a member of the ingest; what comes waits in the broker", member=number
                )
        for number in sorted(self._told - unheld.keys()):
            self._told.discard(number)
            log.info("somebody reads through the member again", member=number)
