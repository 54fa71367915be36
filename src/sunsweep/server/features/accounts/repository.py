"""SQL of companies and people."""

from collections.abc import Collection, Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import Company, User
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


@platform_wide("of a person who is known already: the caller, or the command line's")
async def end_logins(session: AsyncSession, user_id: int) -> None:
    """Every token issued so far is worthless from now on."""
    await session.execute(update(User).where(User.id == user_id).values(token_version=User.token_version + 1))


async def company_by_id(session: AsyncSession, company_id: int) -> Company | None:
    return await session.scalar(select(Company).where(owned(Company, company_id)))


@platform_wide("names are unique on the platform")
async def company_by_name(session: AsyncSession, name: str) -> Company | None:
    return await session.scalar(select(Company).where(Company.name == name))
