"""SQL of companies and people."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import Company, RefreshToken, User
from sunsweep.server.db.tenancy import owned, platform_wide


@platform_wide("a login finds out whose it is; addresses are unique on the platform")
async def user_by_email(session: AsyncSession, email: str) -> User | None:
    return await session.scalar(select(User).where(User.email == email.strip().lower()))


@platform_wide("the holder of a token")
async def user_by_id(session: AsyncSession, user_id: int) -> User | None:
    return await session.get(User, user_id)


@platform_wide("the holders of open sockets")
async def users_by_id(session: AsyncSession, user_ids: Collection[int]) -> Sequence[User]:
    return (await session.scalars(select(User).where(User.id.in_(user_ids)))).all()


@platform_wide("the command line lists everybody")
async def users(session: AsyncSession) -> list[User]:
    return list(await session.scalars(select(User).order_by(User.id)))


async def users_page(session: AsyncSession, company_id: int, *, after: int, limit: int) -> Sequence[User]:
    """A company's people in the order they came."""
    query = select(User).where(owned(User, company_id), User.id > after)
    return (await session.scalars(query.order_by(User.id).limit(limit))).all()


@platform_wide("a platform admin sees everybody, the other platform admins too")
async def everybody_page(session: AsyncSession, *, after: int, limit: int) -> Sequence[User]:
    """In the order they came."""
    return (await session.scalars(select(User).where(User.id > after).order_by(User.id).limit(limit))).all()


async def user_of(session: AsyncSession, company_id: int | None, user_id: int) -> User | None:
    """One of a company's people; None: one of the platform's admins."""
    return await session.scalar(select(User).where(owned(User, company_id), User.id == user_id))


@platform_wide("of a person who is known already: the caller, or whom an admin may see")
async def lock_user(session: AsyncSession, user_id: int) -> User | None:
    """As the user is now, locked: no login begins or goes on while all of them end. Taken before any row of its own."""
    query = select(User).where(User.id == user_id).with_for_update()
    return await session.scalar(query.execution_options(populate_existing=True))


@platform_wide("of the platform's own")
async def has_platform_admin(session: AsyncSession) -> bool:
    return await session.scalar(select(User.id).where(User.company_id.is_(None)).limit(1)) is not None


@platform_wide("of a person who is known already: the caller, or whom an admin may see")
async def end_access(session: AsyncSession, user_id: int) -> None:
    """Every access token issued so far is worthless from now on."""
    await session.execute(update(User).where(User.id == user_id).values(token_version=User.token_version + 1))


async def end_logins(session: AsyncSession, user_id: int) -> None:
    """Every login that has begun has ended; nothing can renew one."""
    await end_access(session, user_id)
    await session.execute(delete(RefreshToken).where(RefreshToken.user_id == user_id))


@platform_wide("the command line lists all")
async def companies(session: AsyncSession) -> Sequence[Company]:
    return (await session.scalars(select(Company).order_by(Company.id))).all()


@platform_wide("platform admins see all")
async def companies_page(session: AsyncSession, *, after: int, limit: int) -> Sequence[Company]:
    return (await session.scalars(select(Company).where(Company.id > after).order_by(Company.id).limit(limit))).all()


async def company_by_id(session: AsyncSession, company_id: int) -> Company | None:
    return await session.scalar(select(Company).where(owned(Company, company_id)))


@platform_wide("names are unique on the platform")
async def company_by_name(session: AsyncSession, name: str) -> Company | None:
    return await session.scalar(select(Company).where(Company.name == name))
