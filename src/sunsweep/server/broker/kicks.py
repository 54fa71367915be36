"""Logins whose sessions at the broker are to be ended: asked for by whoever takes a login away, in his transaction."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import LoginToKick

_AT_ONCE: Final = 500


class Asked(NamedTuple):
    """One login to kick. Asked for again, it is another."""

    username: str
    asked_at: int


async def ask(session: AsyncSession, usernames: Collection[str], now_ms: int) -> None:
    """End the sessions of these logins once the transaction is committed."""
    names = sorted(set(usernames))
    if names:
        await session.execute(delete(LoginToKick).where(LoginToKick.username.in_(names)))
        await session.execute(insert(LoginToKick), [{"username": name, "asked_at": now_ms} for name in names])


async def waiting(database: Database, *, limit: int = _AT_ONCE) -> Sequence[Asked]:
    """Those whose sessions may still stand, the oldest first."""
    query = select(LoginToKick.username, LoginToKick.asked_at).order_by(LoginToKick.asked_at, LoginToKick.username)
    async with database.read() as session:
        return [Asked(*row) for row in await session.execute(query.limit(limit))]


async def done(database: Database, ended: Sequence[Asked]) -> None:
    """Their sessions have ended."""
    if not ended:
        return
    async with database.write() as session:
        which = tuple_(LoginToKick.username, LoginToKick.asked_at).in_([tuple(one) for one in ended])
        await session.execute(delete(LoginToKick).where(which))
