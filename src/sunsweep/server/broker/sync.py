"""Keeps the local broker's files at what the database says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

import structlog

from sunsweep.mqtt.port import BrokerUser, Member
from sunsweep.server.broker import kicks, logins
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database

log = structlog.get_logger(__name__)

GATHER_S: Final = 0.2
HEARTBEAT_MS: Final = 1000


class Applies(Protocol):
    """A running broker that takes its logins from us."""

    async def apply(self, users: list[BrokerUser]) -> None: ...

    def stand_in_for(self, members: Sequence[Member]) -> None: ...


MembersNow = Callable[[], Awaitable[Sequence[Member]]]
"""The persistent sessions that the backend reads through."""


async def keep_in_step(
    database: Database,
    broker: Applies,
    *,
    shown: int,
    now_ms: Clock,
    members: MembersNow,
    gather_s: float = GATHER_S,
) -> None:
    """Look every `gather_s`, apply what has changed, say so; `shown` is the change the broker started with."""
    said_at = 0
    while True:
        try:
            # Read first: whatever is asked for here, the broker has been told once it shows this revision.
            asked = await kicks.waiting(database)
            revision = await logins.wanted(database)
            if revision != shown:
                async with _said_to_live(database, shown, now_ms=now_ms):
                    await broker.apply(await logins.broker_users(database))
                shown = revision
                said_at = 0
            await kicks.done(database, asked)
            if now_ms() - said_at >= HEARTBEAT_MS:
                said_at = now_ms()
                broker.stand_in_for(await members())
                await logins.applied(database, shown, now_ms=said_at)
        except DATABASE_AWAY as error:
            log.warning("the broker's logins could not be brought up to date; trying again", error=str(error))
        await asyncio.sleep(gather_s)


@asynccontextmanager
async def _said_to_live(database: Database, shown: int, *, now_ms: Clock) -> AsyncIterator[None]:
    """With many thousands of logins a change takes seconds, and whoever waits for it must not think us away."""
    saying = asyncio.create_task(_say_for_ever(database, shown, now_ms), name="broker-logins-alive")
    try:
        yield
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)


async def _say_for_ever(database: Database, shown: int, now_ms: Clock) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_MS / 1000)
        with suppress(*DATABASE_AWAY):
            await logins.applied(database, shown, now_ms=now_ms())
