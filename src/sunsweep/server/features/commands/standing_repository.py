"""SQL of what stands in the way of a command, for many machines at once: one query each, by index."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.commands import STOP_RANK, Order
from sunsweep.server.db.models import CommandRow, Machine, MachineStatus
from sunsweep.server.features.commands.lifecycle import Held, State
from sunsweep.server.features.commands.rules import Said

_RANKS = sorted(STOP_RANK.values())
_STOPS = [str(order) for order in STOP_RANK]
_UNDER_WAY = (State.QUEUED, State.SENT, State.ACCEPTED, State.RUNNING)


class Last(NamedTuple):
    """Ids of a machine's newest commands: of any; of confirmed emergency stops; of resets that lead out of one."""

    any: str | None = None
    emergency: str | None = None
    reset: str | None = None


class Confirmed(NamedTuple):
    """An emergency stop that succeeded at an instant, and what its machine has said last."""

    machine_id: int
    at_ms: int
    said: Said


async def last(session: AsyncSession, machine_ids: Collection[int]) -> dict[int, Last]:
    """By machine."""
    confirmed = (CommandRow.command == str(Order.EMERGENCY_STOP), CommandRow.state == State.SUCCEEDED)
    led_out = CommandRow.state.in_((State.SUCCEEDED, State.UNCONFIRMED))
    reset = (CommandRow.command == str(Order.RESET), led_out)
    query = select(Machine.id, _newest(by="ix_command_machine_id_id"), _newest(*confirmed), _newest(*reset)).where(
        Machine.id.in_(machine_ids)
    )
    return {machine_id: Last(*ids) for machine_id, *ids in await session.execute(query)}


def _newest(*which: Any, by: str = "") -> ScalarSelect[str]:
    # Not max(id): SQLite and MySQL would read every command of the machine for it.
    query = select(CommandRow.id).where(CommandRow.machine_id == Machine.id, *which)
    if by:
        # MySQL takes the keys of idempotency now and then, and sorts all of the machine's commands.
        query = query.with_hint(CommandRow, f"FORCE INDEX ({by})", "mysql")
    return query.order_by(CommandRow.id.desc()).limit(1).correlate(Machine).scalar_subquery()


async def open_ranks(session: AsyncSession, machine_ids: Collection[int]) -> dict[int, int]:
    """The rank of the strongest open stop, of machines that have one."""
    query = (
        select(CommandRow.machine_id, func.max(CommandRow.holds))
        .where(CommandRow.holds.in_(_RANKS), CommandRow.machine_id.in_(machine_ids))
        .group_by(CommandRow.machine_id)
    )
    return dict((await session.execute(query)).all())


async def confirmed(session: AsyncSession, machine_ids: Collection[int], stop_ids: Collection[str]) -> list[Confirmed]:
    """These emergency stops of these machines."""
    query = (
        select(
            CommandRow.machine_id,
            CommandRow.changed_at,
            MachineStatus.status,
            MachineStatus.status_at,
            MachineStatus.in_session,
        )
        .outerjoin(MachineStatus, MachineStatus.machine_id == CommandRow.machine_id)
        .where(CommandRow.id.in_(stop_ids), CommandRow.machine_id.in_(machine_ids))
    )
    rows = await session.execute(query)
    return [Confirmed(number, at, Said(status, said_at, bool(here))) for number, at, status, said_at, here in rows]


class InTheWay(NamedTuple):
    """What a stop finds."""

    starts: list[Held]
    """Start-like commands that are still queued."""
    stops: list[Held]
    """Open stops of its rank or below."""


async def in_the_way(session: AsyncSession, machine_ids: Collection[int], rank: int) -> InTheWay:
    """What a stop of this rank finds, locked until the end of the transaction."""
    queued = select(CommandRow.id).where(
        CommandRow.state == State.QUEUED,
        CommandRow.machine_id.in_(machine_ids),
        CommandRow.command.not_in(_STOPS),
    )
    weaker = select(CommandRow.id).where(
        CommandRow.holds.in_([holds for holds in _RANKS if holds <= rank]), CommandRow.machine_id.in_(machine_ids)
    )
    found = [*await session.scalars(queued), *await session.scalars(weaker)]
    if not found:
        return InTheWay([], [])
    # Whoever changes many commands locks them in the order of their ids, or two of them deadlock.
    held = (
        select(CommandRow.id, CommandRow.machine_id, CommandRow.state, CommandRow.holds, CommandRow.command)
        .where(CommandRow.id.in_(found), CommandRow.machine_id.in_(machine_ids))
        .order_by(CommandRow.id)
        .with_for_update()
    )
    starts, stops = [], []
    for command_id, machine_id, state, holds, command in await session.execute(held):
        if holds:
            stops.append(Held(command_id, machine_id, State(state)))
        elif state == State.QUEUED and command not in STOP_RANK:
            starts.append(Held(command_id, machine_id, State(state)))
    return InTheWay(starts, stops)


async def awaited(session: AsyncSession, machine_id: int) -> list[Held]:
    """What a machine is still to do or to confirm, locked until the end of the transaction."""
    of_machine = CommandRow.machine_id == machine_id
    under_way = select(CommandRow.id).where(CommandRow.state.in_(_UNDER_WAY), of_machine)
    open_stops = select(CommandRow.id).where(CommandRow.holds.in_(_RANKS), of_machine)
    found = {*await session.scalars(under_way), *await session.scalars(open_stops)}
    if not found:
        return []
    held = (
        select(CommandRow.id, CommandRow.state, CommandRow.holds)
        .where(CommandRow.id.in_(found), of_machine)
        .order_by(CommandRow.id)
        .with_for_update()
    )
    return [
        Held(command_id, machine_id, State(state))
        for command_id, state, holds in await session.execute(held)
        if holds or state in _UNDER_WAY
    ]
