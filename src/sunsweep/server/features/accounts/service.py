"""Companies and people: who they are and how they log in."""

import re
from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Company, User
from sunsweep.server.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthenticatedError,
)
from sunsweep.server.features.accounts import key_repository, keys, lockout, login_repository, renewal, repository
from sunsweep.server.features.accounts.gate import Gate
from sunsweep.server.features.accounts.opaque import KEY_PREFIX
from sunsweep.server.features.accounts.passwords import hash_password, require_good, verify_password
from sunsweep.server.features.accounts.renewal import Login, Note, unnoted
from sunsweep.server.features.accounts.roles import Principal, Role
from sunsweep.server.features.accounts.tokens import Claims, Tokens

_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$RiHAWLnNANWWWxTfMhVngA$0VZYa9fHbqo9kGPUQoSRBv+P7hW6+f1CtRc3esvdcA4"
"""Verified where there is no such user, so that the answer takes as long."""


COMPANYS_OWN: Final = frozenset({"command_life_s", "custom_commands"})
"""What of a company its own admins may change."""

_EMAIL: Final = re.compile(r"[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+")


class Attempt(NamedTuple):
    """Who says to be whom, and from where."""

    email: str
    password: str
    address: str


async def log_in(
    database: Database, tokens: Tokens, gate: Gate, attempt: Attempt, *, note: Note = unnoted, now_ms: Clock
) -> Login:
    """Raises `UnauthenticatedError`, and `TooManyTriesError` also for a right password."""
    user = await _prove(database, gate, attempt, now_ms=now_ms)
    async with database.write() as session:
        now = await repository.lock_user(session, user.id)
        # The password may have been replaced while this one was looked at.
        if now is None or now.disabled_at is not None or now.password_hash != user.password_hash:
            raise _wrong()
        await lockout.clear(session, lockout.of_email(attempt.email))
        await note(session, now)
        return await renewal.begin(session, tokens, now, now_ms=now_ms())


async def change_password(
    database: Database, tokens: Tokens, gate: Gate, attempt: Attempt, new: str, *, note: Note = unnoted, now_ms: Clock
) -> Login:
    """`attempt` carries the old one. Ends all logins and begins a new one.

    Raises `ForbiddenError`, `InvalidError`, `TooManyTriesError`.
    """
    require_good(new, attempt.email, field="new")
    try:
        user = await _prove(database, gate, attempt, now_ms=now_ms)
    except UnauthenticatedError as error:
        raise ForbiddenError("the old password is wrong") from error
    async with gate.passing():
        password_hash = await hash_password(new)
    async with database.write() as session:
        now = await repository.lock_user(session, user.id)
        if now is None or now.disabled_at is not None or now.password_hash != user.password_hash:
            raise ForbiddenError("the old password is wrong")
        await replace_password(session, now, password_hash)
        await note(session, now)
        return await renewal.begin(session, tokens, now, now_ms=now_ms())


async def _prove(database: Database, gate: Gate, attempt: Attempt, *, now_ms: Clock) -> User:
    """The user whose password this is; a failure is counted."""
    subjects = (lockout.of_email(attempt.email), lockout.of_network(attempt.address))
    await lockout.require_free(database, subjects, now_ms=now_ms())
    async with gate.passing():
        # Again: of many at once only as many as the gate is wide are looked at beyond the count.
        await lockout.require_free(database, subjects, now_ms=now_ms())
        async with database.read() as session:
            user = await repository.user_by_email(session, attempt.email)
        right = await verify_password(user.password_hash if user else _NOBODY, attempt.password)
        if user is None or not right or user.disabled_at is not None:
            await lockout.count(database, subjects, now_ms=now_ms())
            raise _wrong()
    return user


def _wrong() -> UnauthenticatedError:
    return UnauthenticatedError("the e-mail address or the password is wrong")


def issue(tokens: Tokens, user: User, *, now_ms: int) -> str:
    """An access token of this user, which nothing renews."""
    return tokens.issue(Claims(user.id, user.token_version), now_ms=now_ms)


async def principal(database: Database, tokens: Tokens, token: str, *, now_ms: int) -> Principal:
    """Who holds this token or API key, as the database knows them now; raises `UnauthenticatedError`."""
    if token.startswith(KEY_PREFIX):
        return await keys.principal(database, token, now_ms=now_ms)
    claims = tokens.read(token)
    async with database.read() as session:
        user = await repository.user_by_id(session, claims.user_id)
    if user is None or not _logged_in(user, claims.version):
        raise UnauthenticatedError("this login has ended")
    return Principal(user.id, user.email, Role(user.role), user.company_id, claims.version)


async def ended(database: Database, callers: Collection[Principal], *, now_ms: int) -> set[Principal]:
    """Those whose login or key has ended since, or who are another company's now; two queries for all."""
    people = {who.user_id for who in callers if who.user_id is not None}
    key_ids = {who.key_id for who in callers if who.key_id is not None}
    async with database.read() as session:
        now = {user.id: user for user in await repository.users_by_id(session, people)}
        living = await key_repository.living(session, key_ids, now_ms=now_ms) if key_ids else set()
    return {
        who
        for who in callers
        if (who.key_id not in living if who.user_id is None else not _still(now.get(who.user_id), who))
    }


def _logged_in(user: User, version: int) -> bool:
    return user.disabled_at is None and user.token_version == version


def _still(user: User | None, who: Principal) -> bool:
    return user is not None and _logged_in(user, who.token_version) and user.company_id == who.company_id


async def add_company(session: AsyncSession, name: str, *, now_ms: int) -> Company:
    """Raises `ConflictError`, `InvalidError`."""
    company = Company(name=await _new_name(session, name), created_at=now_ms)
    session.add(company)
    await session.flush()
    return company


async def rename_company(session: AsyncSession, company: Company, name: str) -> None:
    """Raises `ConflictError`, `InvalidError`."""
    if name.strip() != company.name:
        company.name = await _new_name(session, name)
        await session.flush()


async def _new_name(session: AsyncSession, name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 120:
        raise InvalidError("a company's name has 1 to 120 characters", field="name")
    if await repository.company_by_name(session, name):
        raise ConflictError(f"there is a company {name} already")
    return name


def set_retention(company: Company, days: int | None, *, most_days: int) -> None:
    """None: as the platform's; raises `InvalidError` for more than that."""
    if days is not None and days > most_days:
        raise InvalidError(f"raw measurements are kept for {most_days} days at most", field="raw_retention_days")
    company.raw_retention_days = days


async def add_user(
    session: AsyncSession, email: str, role: Role, *, company_id: int | None, password: str, now_ms: int
) -> User:
    """Raises `ConflictError`, `InvalidError`, `NotFoundError`."""
    password_hash = await hash_password(password)
    return await add_hashed(session, email, role, company_id=company_id, password_hash=password_hash, now_ms=now_ms)


async def add_hashed(
    session: AsyncSession, email: str, role: Role, *, company_id: int | None, password_hash: str, now_ms: int
) -> User:
    """The same where the slow work is done already: nobody else's writes wait for it."""
    email = email.strip().lower()
    if not _EMAIL.fullmatch(email) or len(email) > 254:
        raise InvalidError(f"{email!r} is no e-mail address", field="email")
    if (company_id is None) != (role is Role.PLATFORM_ADMIN):
        raise InvalidError("a platform admin has no company; everyone else has one", field="company_id")
    if company_id is not None and await repository.company_by_id(session, company_id) is None:
        raise NotFoundError(f"there is no company {company_id}")
    if await repository.user_by_email(session, email):
        raise ConflictError(f"there is a user {email} already")
    user = User(email=email, role=role, company_id=company_id, password_hash=password_hash, created_at=now_ms)
    session.add(user)
    await session.flush()
    return user


async def set_password(session: AsyncSession, email: str, password: str) -> User:
    """Sets a new password and ends all logins; raises `NotFoundError`."""
    user = await known_user(session, email)
    await replace_password(session, user, await hash_password(password))
    return user


async def replace_password(session: AsyncSession, user: User, password_hash: str) -> None:
    """With it all logins, all links and all waiting end."""
    user.password_hash = password_hash
    await session.flush()
    await repository.end_logins(session, user.id)
    await login_repository.end_resets(session, user.id)
    await lockout.clear(session, lockout.of_email(user.email))
    await session.refresh(user)


async def disable_user(session: AsyncSession, email: str, *, now_ms: int) -> User:
    """Ends all logins for good; raises `NotFoundError`."""
    user = await known_user(session, email)
    await set_disabled(session, user, disabled=True, now_ms=now_ms)
    return user


async def set_disabled(session: AsyncSession, user: User, *, disabled: bool, now_ms: int) -> None:
    """Disabling ends all logins and links, and the keys that the user has made; enabled again, one logs in anew."""
    user.disabled_at = now_ms if disabled else None
    await session.flush()
    if disabled:
        await repository.end_logins(session, user.id)
        await login_repository.end_resets(session, user.id)
        await key_repository.revoke_made_by(session, user.id, now_ms=now_ms)


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
