"""Machines that say nothing more without having said farewell: online becomes stale."""

from collections.abc import Collection, Sequence
from typing import Final

import structlog

from sunsweep.mqtt.port import Client
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.listening import listening_since
from sunsweep.server.events import PresenceChange, publish_presence
from sunsweep.server.features.machines import repository
from sunsweep.server.features.machines.repository import Silent

log = structlog.get_logger(__name__)

MISSED_BEATS: Final = 3
"""So many of a machine's own expected intervals without a word."""
AT_ONCE: Final = 500


class Staleness:
    """Calls machines stale; silence counts only while the backend itself was listening."""

    def __init__(self, database: Database, bus: Client, *, now_ms: Clock) -> None:
        self._database = database
        self._bus = bus
        self._now_ms = now_ms
        self._deaf_at = 0

    async def look(self) -> None:
        """Judge once."""
        now_ms = self._now_ms()
        if not self._bus.connected:
            # The broker is away for us, so it may be for everybody.
            self._deaf_at = now_ms
            return
        async with self._database.read() as session:
            listening_ms = await listening_since(session, now_ms=now_ms)
            if listening_ms is None:
                return
            heard_ms = max(listening_ms, self._deaf_at)
            silent = await repository.silent(session, beats=MISSED_BEATS, heard_ms=heard_ms, now_ms=now_ms)
        for start in range(0, len(silent), AT_ONCE):
            await self._call_stale(silent[start : start + AT_ONCE])

    async def _call_stale(self, silent: Sequence[Silent]) -> None:
        async with self._database.write() as session:
            gone = await repository.call_stale(session, silent)
        if gone:
            log.info("machines are stale", machines=len(gone), serials=_some(gone))
        for machine in gone:
            change = PresenceChange(machine.company_id, machine.serial, "stale", machine.since_ms, "silent")
            await publish_presence(self._bus, change)


def _some(machines: Collection[Silent], most: int = 5) -> str:
    names = sorted(machine.serial for machine in machines)
    return ",".join(names[:most]) + (",…" if len(names) > most else "")
