"""SQL of the enrolment codes. A code is of one machine; the way to it goes through the code alone."""

from typing import Any, cast

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import EnrolmentCode, Machine
from sunsweep.server.db.tenancy import platform_wide


async def replace(session: AsyncSession, machine_id: int, *, digest: str, expires_at: int) -> None:
    """Keep this code, and end an older one; whoever calls holds the machine's row."""
    await session.execute(delete(EnrolmentCode).where(EnrolmentCode.machine_id == machine_id))
    session.add(EnrolmentCode(machine_id=machine_id, code_hash=digest, expires_at=expires_at))
    await session.flush()


@platform_wide("who holds a code has no other login")
async def machine_of(session: AsyncSession, digest: str, *, now_ms: int) -> Machine | None:
    """The machine that a living code stands for, its row locked; None where it may not enrol."""
    query = (
        select(Machine)
        .join(EnrolmentCode, EnrolmentCode.machine_id == Machine.id)
        .where(
            EnrolmentCode.code_hash == digest,
            EnrolmentCode.expires_at > now_ms,
            Machine.archived_at.is_(None),
            Machine.enabled.is_(True),
        )
    )
    return await session.scalar(query.with_for_update(of=Machine))


@platform_wide("who holds a code has no other login")
async def spend(session: AsyncSession, digest: str) -> bool:
    """Whether the code was still there; from here on it is not."""
    found = await session.execute(delete(EnrolmentCode).where(EnrolmentCode.code_hash == digest))
    return cast("CursorResult[Any]", found).rowcount > 0
