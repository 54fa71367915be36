"""What becomes of machines' logins without anybody's doing, in the audit log."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.features.audit import service as audit
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.features.audit.actors import Actor, Kind, nobody
from sunsweep.server.features.machines import repository


async def first_used(session: AsyncSession, credential_ids: Collection[int], *, now_ms: int) -> None:
    """A machine has connected with a login that nobody had used before."""
    for owner in await repository.owners(session, credential_ids=credential_ids):
        actor = Actor(Kind.MACHINE, owner.machine_id, owner.serial, "")
        await audit.record(
            session,
            actor,
            Action.MACHINE_LOGIN_USED,
            f"machine {owner.serial}",
            company_id=owner.company_id,
            detail={"mqtt_username": owner.username},
            now_ms=now_ms,
        )


async def ended(session: AsyncSession, usernames: Collection[str], *, why: str, now_ms: int) -> None:
    """The platform has revoked these logins by itself."""
    for owner in await repository.owners(session, usernames=usernames):
        await audit.record(
            session,
            nobody(""),
            Action.MACHINE_LOGIN_ENDED,
            f"machine {owner.serial}",
            company_id=owner.company_id,
            detail={"mqtt_username": owner.username, "why": why},
            now_ms=now_ms,
        )
