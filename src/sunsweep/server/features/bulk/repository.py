"""SQL of bulk runs."""

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import ColumnElement, CursorResult, Row, and_, case, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.commands import STOP_RANK
from sunsweep.server.db.models import BulkRun, BulkTarget, CommandRow, Machine, MachineStatus
from sunsweep.server.db.tenancy import owned, platform_wide
from sunsweep.server.features.bulk.progress import ABORTED, NOT_GIVEN, REFUSED, RUNNING, Count, Tally
from sunsweep.server.features.commands.lifecycle import Held, State
from sunsweep.server.features.machines.current import shown_status
from sunsweep.server.features.machines.repository import living

_STOPS: Final = [str(order) for order in STOP_RANK]
MAX_PAGE_CHARS: Final = 4 * 1024 * 1024
"""Of filters and parameters on one page of runs: each filter may name thousands of serials."""
_REASON_CHARS: Final = 255
_AT_ONCE: Final = 1000
_FREE: Final = (BulkTarget.command_id.is_(None), BulkTarget.refused == "")


class Candidate(NamedTuple):
    """A machine, its newest status as it is shown, and its presence."""

    machine: Machine
    status: str | None
    presence: str


class Target(NamedTuple):
    """A machine of a run, with what has become of it."""

    serial: str
    stage: int
    command_id: str | None
    state: str
    reason: str
    changed_at: int | None


class TakenError(Exception):
    """Machines of a run were given something by somebody else: a fault of ours, for the run is held meanwhile."""


async def candidates(session: AsyncSession, company_id: int) -> list[Candidate]:
    """Every machine of the company, in the order of their serials."""
    query = (
        living(company_id)
        .with_only_columns(Machine, MachineStatus)
        .outerjoin(MachineStatus, MachineStatus.machine_id == Machine.id)
        .order_by(Machine.serial)
    )
    return [_candidate(machine, status) for machine, status in await session.execute(query)]


def _candidate(machine: Machine, status: MachineStatus | None) -> Candidate:
    if status is None:
        return Candidate(machine, None, "offline")
    return Candidate(machine, shown_status(status), status.presence)


async def add(session: AsyncSession, run: BulkRun, stages: Mapping[int, int]) -> None:
    """A run and its machines; `stages` is machine id -> stage, from 1."""
    session.add(run)
    await session.flush()
    # In the order of the ids: each machine's row is looked at for the foreign key, and others lock them in this order.
    ordered = sorted(stages.items())
    rows = [{"bulk_id": run.id, "machine_id": machine_id, "stage": stage} for machine_id, stage in ordered]
    for at in range(0, len(rows), _AT_ONCE):
        await session.execute(insert(BulkTarget), rows[at : at + _AT_ONCE])


async def by_id(session: AsyncSession, company_id: int, bulk_id: str, *, lock: bool = False) -> BulkRun | None:
    query = select(BulkRun).where(owned(BulkRun, company_id), BulkRun.id == bulk_id)
    return await session.scalar(query.with_for_update() if lock else query)


class Page(NamedTuple):
    runs: Sequence[BulkRun]
    has_more: bool


async def page(session: AsyncSession, company_id: int, *, before: str, limit: int) -> Page:
    """The newest first; fewer than `limit` where their filters and parameters are long, but one at least."""
    query = select(BulkRun.id, func.length(BulkRun.selection) + func.length(BulkRun.params))
    query = query.where(owned(BulkRun, company_id))
    if before:
        query = query.where(BulkRun.id < before)
    found = (await session.execute(query.order_by(BulkRun.id.desc()).limit(limit + 1))).all()
    sizes = accumulate(size for _, size in found[:limit])
    taken = [bulk_id for (bulk_id, _), size in zip(found, sizes, strict=False) if size <= MAX_PAGE_CHARS]
    taken = taken or [bulk_id for bulk_id, _ in found[:1]]
    runs = select(BulkRun).where(owned(BulkRun, company_id), BulkRun.id.in_(taken)).order_by(BulkRun.id.desc())
    return Page((await session.scalars(runs)).all(), len(found) > len(taken))


@platform_wide("whoever rolls out does so for all companies")
async def living_runs(session: AsyncSession) -> Sequence[BulkRun]:
    """Those that have not ended, the oldest first."""
    query = select(BulkRun).where(BulkRun.state.in_((RUNNING, ABORTED)), BulkRun.ended_at.is_(None))
    return (await session.scalars(query.order_by(BulkRun.id))).all()


async def tallies(session: AsyncSession, company_id: int, bulk_ids: Collection[str]) -> dict[str, Tally]:
    """By run."""
    refused = func.sum(case((BulkTarget.refused != "", 1), else_=0))
    query = (
        select(BulkTarget.bulk_id, BulkTarget.stage, CommandRow.state, func.count(), refused)
        .join(BulkRun, BulkRun.id == BulkTarget.bulk_id)
        .outerjoin(CommandRow, CommandRow.id == BulkTarget.command_id)
        .where(owned(BulkRun, company_id), BulkTarget.bulk_id.in_(bulk_ids), BulkTarget.machine_id > 0)
        .group_by(BulkTarget.bulk_id, BulkTarget.stage, CommandRow.state)
    )
    counts: dict[str, list[Count]] = {bulk_id: [] for bulk_id in bulk_ids}
    for bulk_id, stage, state, number, of_refused in await session.execute(query):
        if state is not None:
            counts[bulk_id].append(Count(stage, state, number))
            continue
        both = (Count(stage, REFUSED, int(of_refused)), Count(stage, NOT_GIVEN, number - int(of_refused)))
        counts[bulk_id] += [count for count in both if count.number]
    return {bulk_id: Tally(found) for bulk_id, found in counts.items()}


async def next_machines(session: AsyncSession, run: BulkRun, *, limit: int) -> Sequence[Machine]:
    """Those up to the run's stage that have not had their turn."""
    query = (
        select(Machine)
        .join(BulkTarget, BulkTarget.machine_id == Machine.id)
        .where(
            owned(Machine, run.company_id),
            BulkTarget.bulk_id == run.id,
            BulkTarget.stage <= run.stage,
            *_FREE,
        )
    )
    return (await session.scalars(query.order_by(Machine.id).limit(limit))).all()


async def newest_command(session: AsyncSession, company_id: int) -> str | None:
    """Its id."""
    query = select(CommandRow.id).where(owned(CommandRow, company_id))
    return await session.scalar(query.order_by(CommandRow.id.desc()).limit(1))


async def stopped_since(session: AsyncSession, run: BulkRun, machine_ids: Collection[int]) -> dict[int, str]:
    """Those of these machines that were given a stop after the run's id was drawn, and the last such stop."""
    query = select(CommandRow.machine_id, CommandRow.command).where(
        CommandRow.machine_id.in_(machine_ids), CommandRow.command.in_(_STOPS), CommandRow.id > run.id
    )
    return dict((await session.execute(query.order_by(CommandRow.id))).all())


async def settle(session: AsyncSession, bulk_id: str, given: Mapping[int, str], refused: Mapping[int, str]) -> None:
    """Note what machines were given, by the commands' ids, or why they were given nothing; raises `TakenError`."""
    values: list[tuple[Collection[int], dict[str, Any]]] = []
    if given:
        values.append((given, {"command_id": case(dict(given), value=BulkTarget.machine_id)}))
    if refused:
        words = {machine_id: why[:_REASON_CHARS] for machine_id, why in refused.items()}
        values.append((refused, {"refused": case(words, value=BulkTarget.machine_id)}))
    for machine_ids, columns in values:
        done = await session.execute(
            update(BulkTarget)
            .where(BulkTarget.bulk_id == bulk_id, BulkTarget.machine_id.in_(machine_ids), *_FREE)
            .values(**columns),
            execution_options={"synchronize_session": False},
        )
        if (found := cast("CursorResult[Any]", done).rowcount) != len(machine_ids):
            raise TakenError(f"{found} of {len(machine_ids)} machines of {bulk_id} have not had their turn")


async def queued(session: AsyncSession, run: BulkRun, *, limit: int) -> list[Held]:
    """Commands of the run that are still queued, held until the end of the transaction, in the order of their ids."""
    of_run = select(BulkTarget.command_id).where(BulkTarget.bulk_id == run.id, BulkTarget.machine_id > 0)
    waiting = (owned(CommandRow, run.company_id), CommandRow.state == State.QUEUED)
    query = select(CommandRow.id).where(CommandRow.id.in_(of_run), *waiting).order_by(CommandRow.id).limit(limit)
    found = list(await session.scalars(query))
    held = (
        select(CommandRow.id, CommandRow.machine_id, CommandRow.state)
        .where(CommandRow.id.in_(found), *waiting)
        .order_by(CommandRow.id)
        .with_for_update()
    )
    return [Held(command_id, number, State(state)) for command_id, number, state in await session.execute(held)]


async def serials(session: AsyncSession, company_id: int, machine_ids: Collection[int]) -> dict[int, str]:
    query = select(Machine.id, Machine.serial).where(owned(Machine, company_id), Machine.id.in_(machine_ids))
    return dict((await session.execute(query)).all())


async def targets(
    session: AsyncSession, run: BulkRun, *, after: str, limit: int, states: Collection[str] = ()
) -> list[Target]:
    """A page of the run's machines in the order of their serials; `states`: only those in one of these."""
    query = (
        select(Machine.serial, BulkTarget.stage, BulkTarget.command_id, BulkTarget.refused, CommandRow)
        .join(BulkTarget, BulkTarget.machine_id == Machine.id)
        .outerjoin(CommandRow, CommandRow.id == BulkTarget.command_id)
        .where(owned(Machine, run.company_id), BulkTarget.bulk_id == run.id, Machine.serial > after)
    )
    if states:
        query = query.where(_in_states(states))
    # The command's row is joined in whole: of one company it is the machine's, as `owned` has it.
    query = query.where(or_(CommandRow.id.is_(None), owned(CommandRow, run.company_id)))
    return [_target(row) for row in await session.execute(query.order_by(Machine.serial).limit(limit))]


def _in_states(states: Collection[str]) -> ColumnElement[bool]:
    found: list[ColumnElement[bool]] = [CommandRow.state.in_(states)]
    if REFUSED in states:
        found.append(BulkTarget.refused != "")
    if NOT_GIVEN in states:
        found.append(and_(*_FREE))
    return or_(*found)


def _target(row: Row[str, int, str | None, str, CommandRow | None]) -> Target:
    serial, stage, command_id, refused, command = row
    if command is not None:
        return Target(serial, stage, command_id, command.state, command.reason, command.changed_at)
    return Target(serial, stage, None, REFUSED if refused else NOT_GIVEN, refused, None)
