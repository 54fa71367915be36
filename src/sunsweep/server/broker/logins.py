"""Who may log in at the broker, as the views say that EMQX reads too; and when the local broker has taken a change."""

import asyncio
from collections import defaultdict
from typing import Final

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.mqtt.port import Access, BrokerUser, Rule
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import BrokerSync

RUNNER_AWAY_MS: Final = 3000
APPLIED_WITHIN_S: Final = 15.0
"""For so long a change is waited for; at ten thousand logins a busy computer was seen to take eight seconds."""
_POLL_S: Final = 0.05
_ACCESS: Final[dict[str, Access]] = {"publish": "write", "subscribe": "read", "all": "readwrite"}


async def broker_users(database: Database) -> list[BrokerUser]:
    """Every login with its rules."""
    async with database.read() as session:
        logins = (await session.execute(text("SELECT username, password_hash, salt FROM mqtt_user"))).all()
        acl = (await session.execute(text("SELECT username, action, topic FROM mqtt_acl"))).all()
    rules: dict[str, list[Rule]] = defaultdict(list)
    for username, action, topic in acl:
        rules[username].append(Rule(_ACCESS[action], topic))
    return [BrokerUser(username, digest, salt, tuple(rules[username])) for username, digest, salt in logins]


async def changed(session: AsyncSession) -> None:
    """Note, in the transaction that changes logins, that the local broker's files are to follow."""
    await session.execute(update(BrokerSync).values(wanted=BrokerSync.wanted + 1))


async def wanted(database: Database) -> int:
    """The newest change."""
    async with database.read() as session:
        return (await session.execute(select(BrokerSync.wanted))).scalar_one()


async def applied(database: Database, revision: int, *, now_ms: int) -> None:
    """The runner's word that its broker shows the logins of `revision`, and that it lives."""
    async with database.write() as session:
        await session.execute(update(BrokerSync).values(applied=revision, runner_seen_at=now_ms))


async def wait_applied(database: Database, *, now_ms: Clock, timeout_s: float = APPLIED_WITHIN_S) -> bool:
    """Return once the local broker has taken every change so far, or at once where none runs (EMQX reads the views)."""
    revision = await wanted(database)
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                async with database.read() as session:
                    row = (await session.execute(select(BrokerSync.applied, BrokerSync.runner_seen_at))).one()
                if row.applied >= revision:
                    return True
                if now_ms() - row.runner_seen_at > RUNNER_AWAY_MS:
                    return False
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        return False
