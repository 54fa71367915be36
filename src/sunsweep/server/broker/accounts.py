"""The backend's own login at the broker, with just the topics it needs."""

from typing import Final

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.topics import ALL_EVENTS, CONNECTED, FROM_MACHINE, Channel, all_machines
from sunsweep.mqtt.passwords import generate_salt, hash_password
from sunsweep.server.broker import logins
from sunsweep.server.db.models import ServiceAccount, ServiceRule

Rules = tuple[tuple[str, str], ...]
"""(action, topic filter)."""

BACKEND_RULES: Final[Rules] = (
    *(("subscribe", all_machines(channel)) for channel in FROM_MACHINE),
    *(("publish", all_machines(channel)) for channel in (Channel.COMMAND, Channel.RECEIPT)),
    ("all", ALL_EVENTS),
    ("subscribe", CONNECTED),
)


async def set_account(session: AsyncSession, username: str, password: str, rules: Rules = BACKEND_RULES) -> None:
    """Make or replace a service account."""
    await _remove(session, ServiceAccount.username == username, ServiceRule.username == username)
    salt = generate_salt()
    session.add(ServiceAccount(username=username, password_hash=hash_password(password, salt), salt=salt))
    await session.flush()
    session.add_all(ServiceRule(username=username, action=action, topic=topic) for action, topic in rules)
    await session.flush()
    await logins.changed(session)


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
