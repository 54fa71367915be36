"""Bulk runs as REST shows and takes them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Path, Query
from msgspec import json
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.times import iso
from sunsweep.contract.topics import SERIAL_PATTERN
from sunsweep.server.db.models import BulkRun
from sunsweep.server.features.bulk import repository
from sunsweep.server.features.bulk.confirmation import LIFE_S
from sunsweep.server.features.bulk.progress import NOT_GIVEN, REFUSED, Tally
from sunsweep.server.features.bulk.repository import Candidate, Target
from sunsweep.server.features.bulk.selection import Selection
from sunsweep.server.features.bulk.service import Order, Preview
from sunsweep.server.features.commands.lifecycle import State
from sunsweep.server.features.commands.shapes import By, NewCommand, names
from sunsweep.server.features.commands.wish import Giver, Wish

BulkId = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,36}$")]
SerialCursor = Annotated[str, Query(pattern=rf"^({SERIAL_PATTERN})?$")]
MachineLimit = Annotated[int, Query(ge=1, le=1000)]
_STATES = "|".join([*State, REFUSED, NOT_GIVEN])
Wanted = Annotated[
    list[Annotated[str, Field(pattern=f"^({_STATES})$")]] | None,
    Query(alias="state", max_length=16, description=f"in one of these states ({_STATES}); may be repeated"),
]
_Size = Annotated[int | None, Field(strict=True, ge=1, le=1_000_000)]


class BulkWish(NewCommand):
    """One order for all machines that fit `filter`.

    What sets machines in motion has to be confirmed: ask with `dry_run`, look, and send the same again with the
    `confirmation` of the answer. A stop needs none, and goes to all machines at once, whatever the stages say.
    """

    filter: Selection
    dry_run: bool = False
    stage_size: Annotated[_Size, Field(description="machines of a stage; default: all of them in one")] = None
    abort_after: Annotated[_Size, Field(description="so many machines that did not do it end the run")] = None
    confirmation: Annotated[str | None, Field(max_length=2000)] = None

    def order(self, company_id: int, giver: Giver) -> Order:
        wish = Wish(self.command, self.params, self.expires_in)
        return Order(company_id, giver, wish, self.filter, self.stage_size, self.abort_after)


class Refusal(BaseModel):
    code: str
    reason: str


class MeantMachine(BaseModel):
    """`refused`: why it would be given nothing now."""

    machine_id: str
    stage: int
    status: str | None
    presence: str
    refused: Refusal | None


class DryRun(BaseModel):
    """What would happen now; nothing has.

    `refused` counts machines by the code of their refusal; `unknown` are serial numbers that the filter names and no
    machine which it means has. `confirmation` is good for this very order and these very machines.
    """

    command: str
    machines: int
    stages: int
    stage_size: int
    refused: dict[str, int]
    unknown: list[str]
    confirmation: str | None
    confirmation_s: int | None
    """Seconds for which it is good."""
    items: list[MeantMachine]
    next_cursor: str | None


class BulkRunOut(BaseModel):
    """A bulk run and how far it has come.

    `state`: running, finished or aborted; `ended_at` is null as long as anything is awaited. `stage` of `stages` has
    been given. `counts`: machines by the state of their commands, and those `refused` or `not_given` one. `failures`:
    those that failed, rejected, expired, unconfirmed or refused.
    """

    id: str
    command: str
    params: dict[str, Any]
    expires_in: int | None
    filter: dict[str, Any]
    state: str
    reason: str
    machines: int
    stage: int
    stages: int
    stage_size: int
    abort_after: int | None
    counts: dict[str, int]
    failures: int
    issued_at: str
    issued_by: int | None
    issued_by_key: int | None
    issued_by_name: str
    ended_at: str | None


class BulkBegun(BulkRunOut):
    """`unknown`: serial numbers that the filter names and no machine which it means has."""

    unknown: list[str]


class BulkPage(BaseModel):
    items: list[BulkRunOut]
    next_cursor: str | None


class TargetOut(BaseModel):
    """A machine's part: `state` is its command's, or `refused` or `not_given`."""

    machine_id: str
    stage: int
    command_id: str | None
    state: str
    reason: str
    changed_at: str | None


class TargetPage(BaseModel):
    items: list[TargetOut]
    next_cursor: str | None


def dry_run(order: Order, found: Preview, *, after: str, limit: int, refused_only: bool) -> DryRun:
    """A page of it; the numbers are those of all machines."""
    size = order.stage_size_of(len(found.meant))
    rows = [
        (1 + number // size, one)
        for number, one in enumerate(found.meant)
        if one.machine.serial > after and (not refused_only or one.machine.id in found.refused)
    ]
    items = [_meant(stage, one, found) for stage, one in rows[:limit]]
    return DryRun(
        command=order.wish.command,
        machines=len(found.meant),
        stages=-(-len(found.meant) // size),
        stage_size=size,
        refused=found.reasons,
        unknown=found.unknown,
        confirmation=found.token,
        confirmation_s=LIFE_S if found.token else None,
        items=items,
        next_cursor=items[-1].machine_id if len(rows) > limit else None,
    )


async def shown(session: AsyncSession, company_id: int, runs: Sequence[BulkRun]) -> list[BulkRunOut]:
    """Runs of one company, with their progress."""
    tallies = await repository.tallies(session, company_id, [run.id for run in runs])
    by_name = await names(session, company_id, {_by(run) for run in runs}, None)
    return [_run(run, tallies[run.id], by_name) for run in runs]


def target_out(target: Target) -> TargetOut:
    at = target.changed_at
    return TargetOut(
        machine_id=target.serial,
        stage=target.stage,
        command_id=target.command_id,
        state=target.state,
        reason=target.reason,
        changed_at=None if at is None else iso(at),
    )


def _meant(stage: int, one: Candidate, found: Preview) -> MeantMachine:
    error = found.refused.get(one.machine.id)
    refused = None if error is None else Refusal(code=error.code, reason=error.detail)
    return MeantMachine(
        machine_id=one.machine.serial, stage=stage, status=one.status, presence=one.presence, refused=refused
    )


def _by(run: BulkRun) -> By:
    return run.issued_by, run.issued_by_key


def _run(run: BulkRun, tally: Tally, by_name: Mapping[By, str]) -> BulkRunOut:
    return BulkRunOut(
        id=run.id,
        command=run.command,
        params=json.decode(run.params),
        expires_in=run.expires_in_s,
        filter=json.decode(run.selection),
        state=run.state,
        reason=run.reason,
        machines=tally.machines,
        stage=run.stage,
        stages=tally.stages,
        stage_size=run.stage_size,
        abort_after=run.abort_after,
        counts=tally.by_state,
        failures=tally.failures,
        issued_at=iso(run.issued_at),
        issued_by=run.issued_by,
        issued_by_key=run.issued_by_key,
        issued_by_name=by_name[_by(run)],
        ended_at=iso(run.ended_at) if run.ended_at else None,
    )
