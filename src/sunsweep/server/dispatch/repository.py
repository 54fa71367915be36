"""SQL of what waits to be sent."""

from collections.abc import Collection, Sequence

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import CommandRow, Machine, MachineStatus
from sunsweep.server.features.commands.lifecycle import State

Target = tuple[int, str]
"""(company id, serial)."""

Queued = tuple[CommandRow, Machine, MachineStatus | None]


async def waiting_machines(session: AsyncSession) -> dict[Target, int]:
    """Every machine that has something queued, and how much."""
    query = (
        select(Machine.company_id, Machine.serial, func.count())
        .join(CommandRow, CommandRow.machine_id == Machine.id)
        .where(CommandRow.state == State.QUEUED, Machine.archived_at.is_(None))
        .group_by(Machine.company_id, Machine.serial)
    )
    return {(company_id, serial): number for company_id, serial, number in await session.execute(query)}


async def queued(session: AsyncSession, of: Target) -> Sequence[Row[CommandRow, Machine, MachineStatus | None]]:
    """A machine's queued commands, with what is known of it."""
    query = (
        select(CommandRow, Machine, MachineStatus)
        .join(Machine, Machine.id == CommandRow.machine_id)
        .outerjoin(MachineStatus, MachineStatus.machine_id == Machine.id)
        .where(CommandRow.state == State.QUEUED, Machine.archived_at.is_(None))
        .where(Machine.company_id == of[0], Machine.serial == of[1])
    )
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


async def note_sent(session: AsyncSession, command_id: str, *, at_ms: int) -> None:
    """When it was sent, whatever has become of it since."""
    await session.execute(
        update(CommandRow).where(CommandRow.id == command_id, CommandRow.sent_at.is_(None)).values(sent_at=at_ms)
    )


async def say_why(session: AsyncSession, command_ids: Collection[str], reason: str) -> None:
    """Why these are still queued."""
    await session.execute(
        update(CommandRow).where(CommandRow.id.in_(command_ids), CommandRow.state == State.QUEUED).values(reason=reason)
    )
