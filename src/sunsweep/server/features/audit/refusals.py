"""Refused requests in the audit log: written after the rollback, in a transaction of their own, bounded."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.features.accounts.repository import user_by_email
from sunsweep.server.features.audit import service
from sunsweep.server.features.audit.actions import Action, Outcome
from sunsweep.server.features.audit.actors import Kind
from sunsweep.server.features.audit.bound import Bound, LeftOut, Refusal

log = structlog.get_logger(__name__)

_LOOK_S: Final = 5
_LAST_WORDS_S: Final = 1


class Refusals:
    """Of this process; several `api` processes write as many times more."""

    def __init__(self, bound: Bound | None = None) -> None:
        self._bound = bound or Bound()

    async def record(self, database: Database, refusal: Refusal, *, now_ms: int) -> None:
        """Write it, or count it; a database that is away is no reason to keep the caller without an answer."""
        if not self._bound.admits(refusal, now_ms=now_ms):
            return
        try:
            await _write(database, refusal, now_ms=now_ms)
        except (*DATABASE_AWAY, TimeoutError) as error:
            log.warning("a refusal is missing in the audit log", action=str(refusal.action), error=str(error))

    async def run(self, database: Database, now_ms: Clock) -> None:
        """Tell what was left out, at the end of each minute and of the process."""
        try:
            while True:
                await asyncio.sleep(_LOOK_S)
                await self.tell(database, now_ms=now_ms(), until_ms=now_ms())
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await self.tell(database, now_ms=now_ms(), until_ms=None)

    async def tell(self, database: Database, *, now_ms: int, until_ms: int | None) -> None:
        """An entry for each window that is over at `until_ms`, or for all of them, that left something out."""
        for left_out in self._bound.over(now_ms=until_ms):
            try:
                await _tell(database, left_out, now_ms=now_ms)
            except (*DATABASE_AWAY, TimeoutError) as error:
                log.warning("refusals are missing in the audit log", count=left_out.count, error=str(error))


async def _write(database: Database, refusal: Refusal, *, now_ms: int) -> None:
    async with database.write() as session:
        company_id, actor = refusal.company_id, refusal.actor
        if company_id is None and actor.kind is Kind.NOBODY and actor.name:
            # Who guesses at somebody's password is that company's business.
            user = await user_by_email(session, actor.name)
            company_id = user.company_id if user else None
        await service.record(
            session,
            actor,
            refusal.action,
            refusal.what,
            company_id=company_id,
            outcome=Outcome.REFUSED,
            detail={"status": refusal.status, "code": refusal.code},
            now_ms=now_ms,
        )


async def _tell(database: Database, left_out: LeftOut, *, now_ms: int) -> None:
    async with database.write() as session:
        await service.record(
            session,
            left_out.actor,
            Action.LEFT_OUT,
            "",
            company_id=left_out.company_id,
            outcome=Outcome.REFUSED,
            detail={"left_out": left_out.count, "seconds": max(1, (now_ms - left_out.since_ms) // 1000)},
            now_ms=now_ms,
        )
