"""Since when the ingest has been listening, by its members' leases."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import Lease
from sunsweep.server.db.state import state_of


async def listening_since(session: AsyncSession, *, now_ms: int) -> int | None:
    """When the last of its members began to; None while one of them has no holder, and something may go unheard."""
    names = [f"ingest-{number}" for number in range(await state_of(session, "ingest_members"))]
    living = select(Lease.since).where(Lease.name.in_(names), Lease.expires_at > now_ms)
    since = (await session.scalars(living)).all()
    return max(since) if len(since) == len(names) else None
