"""Admin verbs in the audit log: whoever may use this computer's account is who did it."""

import os
import pwd
import socket
from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.clock import wall_clock
from sunsweep.server.features.audit import service
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.features.audit.actors import Actor, Kind


def operating_user() -> Actor:
    """The account of the operating system, on this computer."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container may run under a number that no account has
        name = f"uid {number}"
    return Actor(Kind.COMMAND_LINE, number, name, socket.gethostname())


async def record(
    session: AsyncSession, action: Action, what: str, *, company_id: int | None, detail: Mapping[str, Any] | None = None
) -> None:
    """Add the entry of a verb to the transaction of its change."""
    await service.record(
        session, operating_user(), action, what, company_id=company_id, detail=detail, now_ms=wall_clock()
    )
