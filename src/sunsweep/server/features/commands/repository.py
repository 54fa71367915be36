"""SQL of commands."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.commands import STOP_RANK
from sunsweep.server.db.models import CommandEvent, CommandRow
from sunsweep.server.features.commands.lifecycle import State


async def newest_id(session: AsyncSession, machine_id: int) -> str | None:
    return await session.scalar(select(func.max(CommandRow.id)).where(CommandRow.machine_id == machine_id))


async def by_id(session: AsyncSession, machine_id: int, command_id: str) -> CommandRow | None:
    return await session.scalar(
        select(CommandRow).where(CommandRow.machine_id == machine_id, CommandRow.id == command_id)
    )


async def by_idempotency_key(session: AsyncSession, machine_id: int, key: str) -> CommandRow | None:
    return await session.scalar(
        select(CommandRow).where(CommandRow.machine_id == machine_id, CommandRow.idempotency_key == key)
    )


async def queued_starts(session: AsyncSession, machine_id: int) -> Sequence[CommandRow]:
    """What a stop-like command cancels."""
    query = select(CommandRow).where(
        CommandRow.machine_id == machine_id,
        CommandRow.state == State.QUEUED,
        CommandRow.command.not_in([str(order) for order in STOP_RANK]),
    )
    return (await session.scalars(query)).all()


async def overtaken_by(session: AsyncSession, machine_id: int, command_id: str) -> str | None:
    """The newest stop-like command that was given after this one."""
    query = select(CommandRow.command).where(
        CommandRow.machine_id == machine_id,
        CommandRow.id > command_id,
        CommandRow.command.in_([str(order) for order in STOP_RANK]),
    )
    return await session.scalar(query.order_by(CommandRow.id.desc()).limit(1))


async def page(session: AsyncSession, machine_id: int, *, before: str, limit: int) -> Sequence[CommandRow]:
    """The newest first."""
    query = select(CommandRow).where(CommandRow.machine_id == machine_id)
    if before:
        query = query.where(CommandRow.id < before)
    return (await session.scalars(query.order_by(CommandRow.id.desc()).limit(limit))).all()


async def events(session: AsyncSession, machine_id: int, command_id: str) -> Sequence[CommandEvent]:
    """The life of a command in the order of time."""
    query = (
        select(CommandEvent)
        .join(CommandRow, CommandRow.id == CommandEvent.command_id)
        .where(CommandRow.machine_id == machine_id, CommandRow.id == command_id)
    )
    return (await session.scalars(query.order_by(CommandEvent.id))).all()
