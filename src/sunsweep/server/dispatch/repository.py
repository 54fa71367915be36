"""SQL of what waits to be sent, to be sent again, or to be answered."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Select, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.commands import STOP_RANK
from sunsweep.server.db.models import CommandRow, Machine, MachineStatus
from sunsweep.server.features.catalogue.effects import Effects
from sunsweep.server.features.catalogue.service import effects_of
from sunsweep.server.features.commands.lifecycle import State

Target = tuple[int, str]
"""(company id, serial)."""

LIMIT: Final = 500
_RANKS: Final = sorted(STOP_RANK.values())
_NOT_ANSWERED: Final = (State.SENT, State.UNCONFIRMED)
_BEGUN: Final = (State.ACCEPTED, State.RUNNING)


class Item(NamedTuple):
    """A command, its machine, what is known of that, and which states prove what there."""

    row: CommandRow
    machine: Machine
    status: MachineStatus | None
    effects: Effects

    @property
    def target(self) -> Target:
        return (self.machine.company_id, self.machine.serial)


async def waiting_machines(session: AsyncSession, *, since_ms: int = 0) -> dict[Target, int]:
    """Every machine that has something queued, and how much; `since_ms`: only what has come into that since."""
    query = (
        select(Machine.company_id, Machine.serial, func.count())
        .join(CommandRow, CommandRow.machine_id == Machine.id)
        .where(CommandRow.state == State.QUEUED, Machine.archived_at.is_(None), CommandRow.changed_at >= since_ms)
        .group_by(Machine.company_id, Machine.serial)
    )
    return {(company_id, serial): number for company_id, serial, number in await session.execute(query)}


async def queued(session: AsyncSession, targets: Collection[Target]) -> list[Item]:
    """What these machines have queued."""
    these = tuple_(Machine.company_id, Machine.serial).in_(list(targets))
    return await _items(session, _commands().where(CommandRow.state == State.QUEUED, these))


async def open_stops(session: AsyncSession) -> list[Item]:
    """Stops that were sent and are not confirmed."""
    sent = CommandRow.state.in_((*_NOT_ANSWERED, *_BEGUN))
    return await _items(session, _commands().where(CommandRow.holds.in_(_RANKS), sent))


async def silent(session: AsyncSession, state: State, *, before_ms: int) -> list[Item]:
    """Commands that came into this state before an instant and are in it still."""
    which = (CommandRow.state == state, CommandRow.changed_at < before_ms)
    return await _items(session, _commands().where(*which).limit(LIMIT))


async def these(session: AsyncSession, command_ids: Collection[str]) -> list[Item]:
    return await _items(session, _commands().where(CommandRow.id.in_(command_ids)))


async def unproved(session: AsyncSession) -> list[Item]:
    """What was sent to bare machines a moment ago and is not answered."""
    bare = or_(MachineStatus.machine_id.is_(None), MachineStatus.in_session.is_(False))
    return await _items(session, _commands().where(CommandRow.state == State.SENT, bare).limit(LIMIT))


async def note_sent(session: AsyncSession, command_ids: Sequence[str], *, at_ms: int) -> None:
    """When they were sent, whatever has become of them since."""
    once_more = {"sent_at": at_ms, "sends": CommandRow.sends + 1}
    await session.execute(update(CommandRow).where(CommandRow.id.in_(command_ids)).values(once_more))


async def say_why(session: AsyncSession, command_ids: Collection[str], reason: str) -> None:
    """Why these still wait, to be sent or to be confirmed."""
    waits = CommandRow.state.in_((State.QUEUED, *_NOT_ANSWERED))
    await session.execute(update(CommandRow).where(CommandRow.id.in_(command_ids), waits).values(reason=reason))


def _commands() -> Select[CommandRow, Machine, MachineStatus]:
    return (
        select(CommandRow, Machine, MachineStatus)
        .join(Machine, Machine.id == CommandRow.machine_id)
        .outerjoin(MachineStatus, MachineStatus.machine_id == Machine.id)
        .where(Machine.archived_at.is_(None))
    )


async def _items(session: AsyncSession, query: Select[CommandRow, Machine, MachineStatus]) -> list[Item]:
    rows = (await session.execute(query)).all()
    effects = await effects_of(session, {(machine.company_id, machine.model) for _, machine, _ in rows})
    return [Item(row, machine, status, effects[machine.company_id, machine.model]) for row, machine, status in rows]
