"""SQL of companies and people."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import Company, RefreshToken, User


async def user_by_email(session: AsyncSession, email: str) -> User | None:
    return await session.scalar(select(User).where(User.email == email.strip().lower()))


async def user_by_id(session: AsyncSession, user_id: int) -> User | None:
    return await session.get(User, user_id)


async def users_by_id(session: AsyncSession, user_ids: Collection[int]) -> Sequence[User]:
    return (await session.scalars(select(User).where(User.id.in_(user_ids)))).all()


async def users(session: AsyncSession) -> list[User]:
    return list(await session.scalars(select(User).order_by(User.id)))


async def users_page(session: AsyncSession, company_id: int | None, *, after: int, limit: int) -> Sequence[User]:
    """A company's people in the order they came; None: everybody, the platform's admins too."""
    query = select(User).where(User.id > after)
    if company_id is not None:
        query = query.where(User.company_id == company_id)
    return (await session.scalars(query.order_by(User.id).limit(limit))).all()


async def lock_user(session: AsyncSession, user_id: int) -> User | None:
    """As the user is now, locked: no login begins or goes on while all of them end. Taken before any row of its own."""
    query = select(User).where(User.id == user_id).with_for_update()
    return await session.scalar(query.execution_options(populate_existing=True))


async def has_platform_admin(session: AsyncSession) -> bool:
    return await session.scalar(select(User.id).where(User.company_id.is_(None)).limit(1)) is not None


async def end_access(session: AsyncSession, user_id: int) -> None:
    """Every access token issued so far is worthless from now on."""
    await session.execute(update(User).where(User.id == user_id).values(token_version=User.token_version + 1))


async def end_logins(session: AsyncSession, user_id: int) -> None:
    """Every login that has begun has ended; nothing can renew one."""
    await end_access(session, user_id)
    await session.execute(delete(RefreshToken).where(RefreshToken.user_id == user_id))


async def companies(session: AsyncSession) -> Sequence[Company]:
    return (await session.scalars(select(Company).order_by(Company.id))).all()


async def companies_page(session: AsyncSession, *, after: int, limit: int) -> Sequence[Company]:
    return (await session.scalars(select(Company).where(Company.id > after).order_by(Company.id).limit(limit))).all()


async def company_by_id(session: AsyncSession, company_id: int) -> Company | None:
    return await session.get(Company, company_id)


async def company_by_name(session: AsyncSession, name: str) -> Company | None:
    return await session.scalar(select(Company).where(Company.name == name))
