"""SQL of what waits to be sent."""

from collections.abc import Sequence

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import CommandRow, Machine, MachineStatus
from sunsweep.server.features.commands.lifecycle import State


async def queued(
    session: AsyncSession, *, of: tuple[int, str] | None = None, limit: int = 500
) -> Sequence[Row[CommandRow, Machine, MachineStatus | None]]:
    """Queued commands in the order of their ids, with what is known of their machines; `of` = (company id, serial)."""
    query = (
        select(CommandRow, Machine, MachineStatus)
        .join(Machine, Machine.id == CommandRow.machine_id)
        .outerjoin(MachineStatus, MachineStatus.machine_id == Machine.id)
        .where(CommandRow.state == State.QUEUED, Machine.archived_at.is_(None))
        .order_by(CommandRow.id)
        .limit(limit)
    )
    if of is not None:
        query = query.where(Machine.company_id == of[0], Machine.serial == of[1])
    return (await session.execute(query)).all()


async def sent_before(session: AsyncSession, *, before_ms: int, limit: int = 500) -> Sequence[Row[CommandRow, Machine]]:
    """Commands sent before an instant and not answered since."""
    query = (
        select(CommandRow, Machine)
        .join(Machine, Machine.id == CommandRow.machine_id)
        .where(CommandRow.state == State.SENT, CommandRow.sent_at < before_ms)
        .limit(limit)
    )
    return (await session.execute(query)).all()
