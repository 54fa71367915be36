"""The backend's own logins at the broker, each with just the topics it needs."""

import re
from typing import Final

from sqlalchemy import delete
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
    await session.execute(delete(ServiceRule).where(ServiceRule.username == username))
    await session.execute(delete(ServiceAccount).where(ServiceAccount.username == username))
    salt = generate_salt()
    session.add(ServiceAccount(username=username, password_hash=hash_password(password, salt), salt=salt))
    await session.flush()
    session.add_all(ServiceRule(username=username, action=action, topic=topic) for action, topic in rules)
    await session.flush()
    await logins.changed(session)
