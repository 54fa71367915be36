"""SQL of dead letters."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import DeadLetter


async def page(
    session: AsyncSession, company_id: int | None, *, before: int | None, limit: int
) -> Sequence[DeadLetter]:
    """The newest first; `company_id` None asks for those that no company can be told of."""
    query = select(DeadLetter).where(DeadLetter.company_id == company_id)
    if before is not None:
        query = query.where(DeadLetter.id < before)
    return (await session.scalars(query.order_by(DeadLetter.id.desc()).limit(limit))).all()
