"""Machines that have ended and on whose topics the broker may still retain something."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import LoginToKick, Machine, MachineCredential, TopicsToClear

NOBODY_KICKS_MS: Final = 60_000
"""Longer than this a session is not waited for: this broker may be one whose sessions nobody ends."""


class Ended(NamedTuple):
    """Whose topics they are."""

    machine_id: int
    company_id: int
    serial: str


def ask(session: AsyncSession, machine_id: int, now_ms: int) -> None:
    """Clear what is retained on this machine's topics, once its sessions have ended."""
    session.add(TopicsToClear(machine_id=machine_id, asked_at=now_ms))


async def waiting(session: AsyncSession, *, limit: int, now_ms: int) -> Sequence[Ended]:
    """Those whose sessions have ended, so that nothing, a will neither, is retained anew."""
    session_stands = exists().where(
        MachineCredential.machine_id == TopicsToClear.machine_id, MachineCredential.username == LoginToKick.username
    )
    query = (
        select(Machine.id, Machine.company_id, Machine.serial)
        .join(TopicsToClear, TopicsToClear.machine_id == Machine.id)
        .where(~session_stands | (TopicsToClear.asked_at < now_ms - NOBODY_KICKS_MS))
        .order_by(TopicsToClear.asked_at, Machine.id)
        .limit(limit)
    )
    return [Ended(*row) for row in await session.execute(query)]


async def done(session: AsyncSession, machine_ids: Collection[int]) -> None:
    """Nothing is retained there any more."""
    await session.execute(delete(TopicsToClear).where(TopicsToClear.machine_id.in_(machine_ids)))
