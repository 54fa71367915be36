"""The backend's own logins at the broker, each with just the topics it needs."""

import re
from typing import Final

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.mqtt.passwords import generate_salt, hash_password
from sunsweep.server.broker import logins
from sunsweep.server.broker.rules import BACKEND_RULES, Rules
from sunsweep.server.db.models import ServiceAccount, ServiceRule
from sunsweep.server.errors import InvalidError

_NAME: Final = re.compile(r"(?!m-)[A-Za-z0-9_-]{1,64}")
"""`m-…` are machines: EMQX's login query tells them apart by that."""


async def set_account(session: AsyncSession, username: str, password: str, rules: Rules = BACKEND_RULES) -> None:
    """Make or replace a service account; raises `InvalidError`."""
    if not _NAME.fullmatch(username):
        raise InvalidError("an account's name has 1 to 64 letters, digits, _ or -, and does not begin with m-")
    await _remove(session, ServiceAccount.username == username, ServiceRule.username == username)
    salt = generate_salt()
    session.add(ServiceAccount(username=username, password_hash=hash_password(password, salt), salt=salt))
    await session.flush()
    session.add_all(ServiceRule(username=username, action=action, topic=topic) for action, topic in rules)
    await session.flush()
    await logins.changed(session)


async def has_account(session: AsyncSession, username: str, password: str, rules: Rules = BACKEND_RULES) -> bool:
    """Whether the account stands with this password and these rules."""
    account = await session.get(ServiceAccount, username)
    if account is None or account.password_hash != hash_password(password, account.salt):
        return False
    return await rules_held(session, username) == set(rules)


async def rules_held(session: AsyncSession, username: str) -> set[tuple[str, str]]:
    """Action and topic of all that an account may do."""
    query = select(ServiceRule.action, ServiceRule.topic).where(ServiceRule.username == username)
    return {(action, topic) for action, topic in await session.execute(query)}


async def remove_accounts(session: AsyncSession, prefix: str) -> None:
    """End the service accounts whose names begin so."""
    account, rule = (
        column.startswith(prefix, autoescape=True) for column in (ServiceAccount.username, ServiceRule.username)
    )
    if await session.scalar(select(ServiceAccount.username).where(account).limit(1)) is not None:
        await _remove(session, account, rule)
        await logins.changed(session)


async def _remove(session: AsyncSession, account: ColumnElement[bool], rule: ColumnElement[bool]) -> None:
    await session.execute(delete(ServiceRule).where(rule))
    await session.execute(delete(ServiceAccount).where(account))
