"""SQL of API keys: by their hash where a program logs in, within a company everywhere else."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import ApiKey, User
from sunsweep.server.db.tenancy import owned, platform_wide


def _alive(now_ms: int) -> ColumnElement[bool]:
    """Neither revoked nor expired, and whoever made it may still log in."""
    return and_(ApiKey.revoked_at.is_(None), ApiKey.expires_at > now_ms, User.disabled_at.is_(None))


@platform_wide("a login finds out whose it is")
async def by_hash(session: AsyncSession, key_hash: str, *, now_ms: int) -> tuple[ApiKey, str] | None:
    """A living key, and its maker's role."""
    query = select(ApiKey, User.role).join(User, User.id == ApiKey.created_by)
    row = (await session.execute(query.where(ApiKey.key_hash == key_hash, _alive(now_ms)))).first()
    return None if row is None else (row[0], row[1])


@platform_wide("the holders of open sockets")
async def living(session: AsyncSession, key_ids: Collection[int], *, now_ms: int) -> set[int]:
    query = select(ApiKey.id).join(User, User.id == ApiKey.created_by)
    return set(await session.scalars(query.where(ApiKey.id.in_(key_ids), _alive(now_ms))))


@platform_wide("of a key that has just logged in")
async def note_use(session: AsyncSession, key_id: int, *, now_ms: int, unless_since_ms: int) -> None:
    """Unless somebody has noted one since."""
    old = or_(ApiKey.used_at.is_(None), ApiKey.used_at <= unless_since_ms)
    await session.execute(update(ApiKey).where(ApiKey.id == key_id, old).values(used_at=now_ms))


@platform_wide("of a person who is known already: whom an admin disables")
async def revoke_made_by(session: AsyncSession, user_id: int, *, now_ms: int) -> None:
    """Whoever made them is out, and they stay out when that one comes back."""
    made = (ApiKey.created_by == user_id, ApiKey.revoked_at.is_(None))
    await session.execute(update(ApiKey).where(*made).values(revoked_at=now_ms))


async def page(session: AsyncSession, company_id: int, *, after: int, limit: int) -> Sequence[ApiKey]:
    query = select(ApiKey).where(owned(ApiKey, company_id), ApiKey.id > after)
    return (await session.scalars(query.order_by(ApiKey.id).limit(limit))).all()


async def by_id(session: AsyncSession, company_id: int, key_id: int) -> ApiKey | None:
    return await session.scalar(select(ApiKey).where(owned(ApiKey, company_id), ApiKey.id == key_id))
