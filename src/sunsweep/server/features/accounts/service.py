"""Companies and people: who they are and how they log in."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Company, User
from sunsweep.server.errors import ConflictError, InvalidError, NotFoundError, UnauthenticatedError
from sunsweep.server.features.accounts import repository
from sunsweep.server.features.accounts.passwords import hash_password, verify_password
from sunsweep.server.features.accounts.roles import Principal, Role
from sunsweep.server.features.accounts.tokens import Claims, Tokens

_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$RiHAWLnNANWWWxTfMhVngA$0VZYa9fHbqo9kGPUQoSRBv+P7hW6+f1CtRc3esvdcA4"
"""Verified where there is no such user, so that the answer takes as long."""


async def log_in(database: Database, tokens: Tokens, email: str, password: str, *, now_ms: int) -> tuple[User, str]:
    """The user and an access token; raises `UnauthenticatedError`."""
    async with database.read() as session:
        user = await repository.user_by_email(session, email)
    right = await verify_password(user.password_hash if user else _NOBODY, password)
    if user is None or not right or user.disabled_at is not None:
        raise UnauthenticatedError("the e-mail address or the password is wrong")
    return user, issue(tokens, user, now_ms=now_ms)


def issue(tokens: Tokens, user: User, *, now_ms: int) -> str:
    """An access token of this user."""
    return tokens.issue(Claims(user.id, user.token_version), now_ms=now_ms)


async def principal(database: Database, tokens: Tokens, token: str) -> Principal:
    """Who holds this token, as the database knows them now; raises `UnauthenticatedError`."""
    claims = tokens.read(token)
    async with database.read() as session:
        user = await repository.user_by_id(session, claims.user_id)
    if user is None or not _logged_in(user, claims.version):
        raise UnauthenticatedError("this login has ended")
    return Principal(user.id, user.email, Role(user.role), user.company_id, claims.version)


async def ended(database: Database, people: Collection[Principal]) -> set[Principal]:
    """Those whose login has ended since, or who are another company's now; one query for all."""
    async with database.read() as session:
        users = await repository.users_by_id(session, {who.user_id for who in people})
    now = {user.id: user for user in users}
    return {who for who in people if not _still(now.get(who.user_id), who)}


def _logged_in(user: User, version: int) -> bool:
    return user.disabled_at is None and user.token_version == version


def _still(user: User | None, who: Principal) -> bool:
    return user is not None and _logged_in(user, who.token_version) and user.company_id == who.company_id


async def add_company(session: AsyncSession, name: str, *, now_ms: int) -> Company:
    """Raises `ConflictError`, `InvalidError`."""
    name = name.strip()
    if not 1 <= len(name) <= 120:
        raise InvalidError("a company's name has 1 to 120 characters", field="name")
    if await repository.company_by_name(session, name):
        raise ConflictError(f"there is a company {name} already")
    company = Company(name=name, created_at=now_ms)
    session.add(company)
    await session.flush()
    return company


async def add_user(
    session: AsyncSession, email: str, role: Role, *, company_id: int | None, password: str, now_ms: int
) -> User:
    """Raises `ConflictError`, `InvalidError`, `NotFoundError`."""
    email = email.strip().lower()
    if "@" not in email or len(email) > 254:
        raise InvalidError(f"{email!r} is no e-mail address", field="email")
    if (company_id is None) != (role is Role.PLATFORM_ADMIN):
        raise InvalidError("a platform admin has no company; everyone else has one", field="company_id")
    if company_id is not None and await repository.company_by_id(session, company_id) is None:
        raise NotFoundError(f"there is no company {company_id}")
    if await repository.user_by_email(session, email):
        raise ConflictError(f"there is a user {email} already")
    user = User(
        email=email, role=role, company_id=company_id, password_hash=await hash_password(password), created_at=now_ms
    )
    session.add(user)
    await session.flush()
    return user


async def set_password(session: AsyncSession, email: str, password: str) -> User:
    """Sets a new password and ends all logins; raises `NotFoundError`."""
    user = await known_user(session, email)
    user.password_hash = await hash_password(password)
    await repository.end_logins(session, user.id)
    return user


async def disable_user(session: AsyncSession, email: str, *, now_ms: int) -> User:
    """Ends all logins for good; raises `NotFoundError`."""
    user = await known_user(session, email)
    user.disabled_at = now_ms
    await repository.end_logins(session, user.id)
    return user


async def known_company(session: AsyncSession, company_id: int) -> Company:
    """Raises `NotFoundError`."""
    company = await repository.company_by_id(session, company_id)
    if company is None:
        raise NotFoundError(f"there is no company {company_id}")
    return company


async def known_user(session: AsyncSession, email: str) -> User:
    """Raises `NotFoundError`."""
    user = await repository.user_by_email(session, email)
    if user is None:
        raise NotFoundError(f"there is no user {email}")
    return user
