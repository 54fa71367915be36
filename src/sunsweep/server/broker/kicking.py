"""Ends sessions at a broker that does not do it by itself when a login goes: EMQX, through its admin client."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from sunsweep.mqtt.port import MqttError
from sunsweep.server.broker import kicks
from sunsweep.server.broker.kicks import Asked
from sunsweep.server.db.engine import Database

log = structlog.get_logger(__name__)

EVERY_S: Final = 0.5
AT_ONCE: Final = 10
WITHIN_S: Final = 5.0


class Kicker(Protocol):
    """The broker's admin client."""

    async def kick(self, username: str) -> None:
        """End every session of a login; there may be none. Raises `MqttError` or OSError."""


class Kicking:
    """Asked for in the database, so that a restart forgets none; a kick that fails is tried again."""

    def __init__(self, database: Database, kicker: Kicker, *, within_s: float = WITHIN_S) -> None:
        self._database = database
        self._kicker = kicker
        self._within_s = within_s
        self._level = logging.WARNING

    async def look(self) -> None:
        """Kick once whoever waits for it."""
        asked = await kicks.waiting(self._database)
        for start in range(0, len(asked), AT_ONCE):
            await self._kick(asked[start : start + AT_ONCE])

    async def _kick(self, some: Sequence[Asked]) -> None:
        async with asyncio.TaskGroup() as tasks:
            ended = [tasks.create_task(self._ended(one.username), name="kick") for one in some]
        await kicks.done(self._database, [one for one, task in zip(some, ended, strict=True) if task.result()])

    async def _ended(self, username: str) -> bool:
        try:
            async with asyncio.timeout(self._within_s):
                await self._kicker.kick(username)
        except (MqttError, OSError) as error:
            why = str(error) or type(error).__name__
            log.log(self._level, "a session could not be ended; trying again", username=username, error=why)
            self._level = logging.DEBUG
            return False
        self._level = logging.WARNING
        return True
