"""What was allowed when a socket was opened may have ended since: it is asked again once a second."""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.live.viewer import Viewer

log = structlog.get_logger(__name__)

EVERY_S: Final = 1.0


async def revoke_for_ever(database: Database, viewers: Callable[[], Collection[Viewer]]) -> None:
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


async def _revoke(database: Database, viewers: Collection[Viewer]) -> None:
    """Three queries, however many viewers there are."""
    if not viewers:
        return
    ended = await accounts.ended(database, {viewer.who for viewer in viewers}, now_ms=wall_clock())
    async with database.read() as session:
        living = await machines.living_ids(session, {viewer.machine_id for viewer in viewers})
    for viewer in viewers:
        if viewer.who in ended or viewer.machine_id not in living:
            viewer.revoked.set()
