"""SQL of failed logins, renewals and reset links. They are found by their hashes, or by their user."""

from collections.abc import Collection, Sequence
from typing import Any, Final, cast

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import FailedLogin, PasswordReset, RefreshToken
from sunsweep.server.db.statements import Statements, Table

_FAILED: Final = Table("failed_login", ("who_hash",), ("who_hash", "failed", "last_at", "blocked_until"))


async def blocked_until(session: AsyncSession, hashes: Collection[str]) -> int:
    """The latest of their waits, 0 where there is none."""
    query = select(func.max(FailedLogin.blocked_until)).where(FailedLogin.who_hash.in_(hashes))
    return await session.scalar(query) or 0


async def lock_failures(session: AsyncSession, hashes: Collection[str], *, now_ms: int) -> Sequence[FailedLogin]:
    """Their rows, made where there are none, locked in the order of their key: two processes count as one."""
    connection = await session.connection()
    statements = Statements(is_sqlite=connection.dialect.name == "sqlite")
    await statements.insert_new(connection, _FAILED, [(who_hash, 0, now_ms, 0) for who_hash in hashes])
    query = select(FailedLogin).where(FailedLogin.who_hash.in_(hashes)).order_by(FailedLogin.who_hash)
    return (await session.scalars(query.with_for_update())).all()


async def set_failures(session: AsyncSession, who_hash: str, failed: int, *, at: int, blocked_until: int) -> None:
    change = update(FailedLogin).where(FailedLogin.who_hash == who_hash)
    await session.execute(change.values(failed=failed, last_at=at, blocked_until=blocked_until))


async def delete_failures(session: AsyncSession, who_hash: str) -> None:
    await session.execute(delete(FailedLogin).where(FailedLogin.who_hash == who_hash))


async def renewal(session: AsyncSession, token_hash: str) -> RefreshToken | None:
    return await session.scalar(select(RefreshToken).where(RefreshToken.token_hash == token_hash))


async def spend(session: AsyncSession, token: RefreshToken, *, now_ms: int) -> bool:
    """Whether it was good still; from here on it is not."""
    change = update(RefreshToken).where(RefreshToken.id == token.id, RefreshToken.used_at.is_(None))
    done = await session.execute(change.values(used_at=now_ms).execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount > 0


async def end_family(session: AsyncSession, family: str) -> None:
    await session.execute(delete(RefreshToken).where(RefreshToken.family == family))


async def reset(session: AsyncSession, token_hash: str, *, now_ms: int) -> PasswordReset | None:
    """A link that is good still."""
    query = select(PasswordReset).where(PasswordReset.token_hash == token_hash, PasswordReset.expires_at > now_ms)
    return await session.scalar(query)


async def end_resets(session: AsyncSession, user_id: int) -> None:
    await session.execute(delete(PasswordReset).where(PasswordReset.user_id == user_id))


async def forget(session: AsyncSession, *, now_ms: int, failed_before_ms: int) -> None:
    """What can be of no more use."""
    await session.execute(delete(RefreshToken).where(RefreshToken.expires_at <= now_ms))
    await session.execute(delete(PasswordReset).where(PasswordReset.expires_at <= now_ms))
    await session.execute(delete(FailedLogin).where(FailedLogin.last_at <= failed_before_ms))
