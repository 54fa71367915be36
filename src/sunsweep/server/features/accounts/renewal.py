"""A login: an access token, and what renews it. That is good once; a second use means that two have it."""

import secrets
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import RefreshToken, User
from sunsweep.server.errors import UnauthenticatedError
from sunsweep.server.features.accounts import login_repository, opaque, repository
from sunsweep.server.features.accounts.tokens import Claims, Tokens


class Login(NamedTuple):
    """Both are shown this once."""

    access: str
    refresh: str


async def begin(session: AsyncSession, tokens: Tokens, user: User, *, now_ms: int, family: str | None = None) -> Login:
    """A login of a user whose row is locked, or the next step of one."""
    refresh = opaque.draw()
    session.add(
        RefreshToken(
            user_id=user.id,
            family=family or secrets.token_hex(16),
            token_hash=opaque.digest(refresh),
            issued_at=now_ms,
            expires_at=now_ms + tokens.refresh_s * 1000,
        )
    )
    await session.flush()
    return Login(tokens.issue(Claims(user.id, user.token_version), now_ms=now_ms), refresh)


async def renew(database: Database, tokens: Tokens, refresh: str, *, now_ms: int) -> Login:
    """The next step of a login; raises `UnauthenticatedError`.

    A second use ends the whole login and the user's access tokens: one of the two is a thief, and nobody knows which.
    """
    async with database.write() as session:
        login = await _renew(session, tokens, opaque.digest(refresh), now_ms=now_ms)
    if login is None:
        raise UnauthenticatedError("this login has ended; log in again")
    return login


async def _renew(session: AsyncSession, tokens: Tokens, token_hash: str, *, now_ms: int) -> Login | None:
    shown = await login_repository.renewal(session, token_hash)
    if shown is None or shown.expires_at <= now_ms:
        return None
    user = await repository.lock_user(session, shown.user_id)
    # All logins may have ended before the lock was had.
    token = await login_repository.renewal(session, token_hash)
    if user is None or token is None or user.disabled_at is not None:
        return None
    if not await login_repository.spend(session, token, now_ms=now_ms):
        await repository.end_access(session, user.id)
        await login_repository.end_family(session, token.family)
        return None
    return await begin(session, tokens, user, now_ms=now_ms, family=token.family)
