"""SQL of what waits to be sent, to be sent again, or to be answered."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Select, case, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.commands import STOP_RANK
from sunsweep.server.db.models import CommandRow, Machine, MachineStatus
from sunsweep.server.features.catalogue.effects import Effects
from sunsweep.server.features.catalogue.service import effects_of
from sunsweep.server.features.commands.lifecycle import Held, State

Target = tuple[int, str]
"""(company id, serial)."""

LIMIT: Final = 500
_RANKS: Final = sorted(STOP_RANK.values())
_STOPS: Final = [str(order) for order in STOP_RANK]
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


class Queue(NamedTuple):
    """What of a machine waits to be sent."""

    commands: int
    has_stop: bool


async def waiting_machines(session: AsyncSession, *, since_ms: int = 0) -> dict[Target, Queue]:
    """Every machine that has something queued; `since_ms`: only what has come into that since."""
    query = (
        select(Machine.company_id, Machine.serial, func.count(), func.max(CommandRow.holds))
        .join(CommandRow, CommandRow.machine_id == Machine.id)
        .where(CommandRow.state == State.QUEUED, Machine.archived_at.is_(None), CommandRow.changed_at >= since_ms)
        .group_by(Machine.company_id, Machine.serial)
    )
    rows = await session.execute(query)
    return {(company_id, serial): Queue(number, rank > 0) for company_id, serial, number, rank in rows}


async def queued(session: AsyncSession, targets: Collection[Target]) -> list[Item]:
    """What these machines have queued."""
    these = tuple_(Machine.company_id, Machine.serial).in_(list(targets))
    return await _items(session, _commands().where(CommandRow.state == State.QUEUED, these))


async def open_stops(session: AsyncSession, *, enough: int) -> list[Item]:
    """Stops that were sent, are not confirmed, and may be due again.

    Those of which that is certain are left out: there may be one of every machine until a person closes them, and this
    is asked every second. They were sent `enough` times and the machine has not come since, or it is away.
    """
    status, sent = MachineStatus, CommandRow.state.in_((*_NOT_ANSWERED, *_BEGUN))
    is_here = or_(status.machine_id.is_(None), status.presence != "offline")
    again = or_(CommandRow.sends < enough, status.presence_since > CommandRow.sent_at)
    return await _items(session, _commands().where(CommandRow.holds.in_(_RANKS), sent, is_here, again))


async def provable(session: AsyncSession) -> tuple[set[str], set[str]]:
    """What was sent to bare machines and a status may prove yet: ids of starts, and of open stops.

    Not a start that was marked and perhaps never published: no status would be its proof.
    """
    bare = or_(MachineStatus.machine_id.is_(None), MachineStatus.in_session.is_(False))
    ids = _commands().with_only_columns(CommandRow.id).where(bare)
    starts = ids.where(CommandRow.state == State.SENT, CommandRow.holds == 0, CommandRow.sends > 0)
    stops = ids.where(CommandRow.holds.in_(_RANKS), CommandRow.state.in_((*_NOT_ANSWERED, *_BEGUN)))
    return set(await session.scalars(starts)), set(await session.scalars(stops))


async def silent(
    session: AsyncSession, states: Collection[State], *, before_ms: int, stops_before_ms: int | None = None
) -> list[Item]:
    """Commands that came into one of these states before an instant and are in it still; stops may have their own."""
    too_long = case((CommandRow.command.in_(_STOPS), stops_before_ms or before_ms), else_=before_ms)
    # Asked of the database: the many that may take longer would fill the limit.
    which = (CommandRow.state.in_(states), CommandRow.changed_at < too_long)
    return await _items(session, _commands().where(*which).limit(LIMIT))


async def these(session: AsyncSession, command_ids: Collection[str]) -> list[Item]:
    return await _items(session, _commands().where(CommandRow.id.in_(command_ids)))


async def hold(session: AsyncSession, command_ids: Collection[str]) -> list[Held]:
    """Lock these, in the order of their ids; by nothing but the id, or InnoDB might lock by another index."""
    query = select(CommandRow.id, CommandRow.machine_id, CommandRow.state).where(CommandRow.id.in_(command_ids))
    rows = await session.execute(query.order_by(CommandRow.id).with_for_update())
    return [Held(command_id, machine_id, State(state)) for command_id, machine_id, state in rows]


async def note_sent(session: AsyncSession, command_ids: Sequence[str], *, at_ms: int) -> None:
    """When they were sent, whatever has become of them since."""
    once_more = {"sent_at": at_ms, "sends": CommandRow.sends + 1}
    await session.execute(update(CommandRow).where(CommandRow.id.in_(command_ids)).values(once_more))


async def say_why(session: AsyncSession, items: Collection[Item], reason: str) -> list[Item]:
    """Why these still wait, to be sent or to be confirmed; only those of which nothing is new since they were read."""
    of_id = {item.row.id: item for item in items}
    query = select(CommandRow.id, CommandRow.state, CommandRow.reason).where(CommandRow.id.in_(of_id))
    rows = await session.execute(query.order_by(CommandRow.id).with_for_update())
    same = [of_id[number] for number, *now in rows if now == [of_id[number].row.state, of_id[number].row.reason]]
    if same:
        these = CommandRow.id.in_([item.row.id for item in same])
        await session.execute(update(CommandRow).where(these).values(reason=reason))
    return same


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
