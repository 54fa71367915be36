"""Logins that the local broker has refused, in the audit log. EMQX keeps its own."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.features.audit import service
from sunsweep.server.features.audit.actions import Action, Outcome
from sunsweep.server.features.audit.actors import nobody

log = structlog.get_logger(__name__)

_WAITING: Final = 1000


class RefusedAtBroker:
    """Takes what `LocalBroker` tells, which is bounded already, and writes it beside."""

    def __init__(self, database: Database, *, now_ms: Clock) -> None:
        self._database = database
        self._now_ms = now_ms
        self._waiting: asyncio.Queue[tuple[str, int, int]] = asyncio.Queue(_WAITING)

    def seen(self, address: str, further: int) -> None:
        """One refused login, or how many more of that address there were since; beyond a bound it stays in the log."""
        with suppress(asyncio.QueueFull):
            self._waiting.put_nowait((address, further, self._now_ms()))

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._write(*await self._waiting.get())

    async def write_rest(self) -> None:
        """What the broker said last."""
        while not self._waiting.empty():
            await self._write(*self._waiting.get_nowait())

    async def _write(self, address: str, further: int, at_ms: int) -> None:
        try:
            async with self._database.write() as session:
                await service.record(
                    session,
                    nobody(address),
                    Action.BROKER_LOGIN,
                    "",
                    company_id=None,
                    outcome=Outcome.REFUSED,
                    detail={"further": further} if further else None,
                    now_ms=at_ms,
                )
        except (*DATABASE_AWAY, TimeoutError) as error:
            log.warning("a login that the broker refused is missing in the audit log", error=str(error))
