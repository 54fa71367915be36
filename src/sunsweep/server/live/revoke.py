"""What was allowed when a socket was opened may have ended since: it is asked again once a second."""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.accounts.roles import Principal
from sunsweep.server.features.machines import repository as machines

log = structlog.get_logger(__name__)

EVERY_S: Final = 1.0


class Watcher(Protocol):
    """Whoever looks, at one machine or (None) at a whole company."""

    @property
    def who(self) -> Principal: ...
    @property
    def machine_id(self) -> int | None: ...
    @property
    def revoked(self) -> asyncio.Event: ...


async def revoke_for_ever(database: Database, viewers: Callable[[], Collection[Watcher]]) -> None:
    """Tell the viewers who may look no longer; while the database is away they all may."""
    level = logging.WARNING
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await _revoke(database, viewers())
        except (SQLAlchemyError, OSError) as error:
            log.log(level, "open sockets could not be checked; trying again", error=str(error))
            level = logging.DEBUG
        else:
            level = logging.WARNING


async def _revoke(database: Database, viewers: Collection[Watcher]) -> None:
    """Three queries, however many viewers there are."""
    if not viewers:
        return
    ended = await accounts.ended(database, {viewer.who for viewer in viewers}, now_ms=wall_clock())
    watched = {viewer.machine_id for viewer in viewers if viewer.machine_id is not None}
    gone = watched and watched - await _living(database, watched)
    for viewer in viewers:
        if viewer.who in ended or viewer.machine_id in gone:
            viewer.revoked.set()


async def _living(database: Database, machine_ids: set[int]) -> set[int]:
    async with database.read() as session:
        return await machines.living_ids(session, machine_ids)
