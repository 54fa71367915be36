"""API keys: what a program logs in with, in one company, for a time."""

from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import ApiKey
from sunsweep.server.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from sunsweep.server.features.accounts import key_repository as repository
from sunsweep.server.features.accounts import opaque
from sunsweep.server.features.accounts.roles import Principal, Role

MAX_DAYS: Final = 366
_DAY_MS: Final = 86_400_000
_USE_MS: Final = 60_000
"""How exact `used_at` is: a program that calls all the time writes once a minute."""


class NewKey(NamedTuple):
    row: ApiKey
    secret: str
    """Shown this once."""


async def create(
    session: AsyncSession, who: Principal, company_id: int, *, name: str, role: Role, days: int, now_ms: int
) -> NewKey:
    """Raises `ForbiddenError` where the key could do more than who makes it."""
    if who.user_id is None or not who.role.may_give(role):
        raise ForbiddenError("a key may do at most what the person may who makes it")
    secret = opaque.draw(opaque.KEY_PREFIX)
    row = ApiKey(
        company_id=company_id,
        name=name,
        role=role,
        key_hash=opaque.digest(secret),
        created_by=who.user_id,
        created_at=now_ms,
        expires_at=now_ms + days * _DAY_MS,
    )
    session.add(row)
    await session.flush()
    return NewKey(row, secret)


async def revoke(session: AsyncSession, company_id: int, key_id: int, *, now_ms: int) -> ApiKey:
    """At once; raises `NotFoundError`."""
    row = await repository.by_id(session, company_id, key_id)
    if row is None:
        raise NotFoundError(f"there is no API key {key_id}")
    if row.revoked_at is None:
        row.revoked_at = now_ms
    return row


async def principal(database: Database, secret: str, *, now_ms: int) -> Principal:
    """What this key may do now: never more than who made it; raises `UnauthenticatedError`."""
    async with database.read() as session:
        found = await repository.by_hash(session, opaque.digest(secret), now_ms=now_ms)
    if found is None:
        raise UnauthenticatedError("this API key is wrong, revoked or expired")
    row, makers = found
    if row.used_at is None or row.used_at <= now_ms - _USE_MS:
        async with database.write() as session:
            await repository.note_use(session, row.id, now_ms=now_ms, unless_since_ms=now_ms - _USE_MS)
    given, maker = Role(row.role), Role(makers)
    return Principal(None, row.name, given if maker.may_give(given) else maker, row.company_id, 0, row.id)
