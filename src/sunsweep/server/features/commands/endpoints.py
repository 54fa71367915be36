"""Commands: give, look at, take back."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from msgspec import json
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sunsweep.contract.limits import MAX_COMMAND_CHARS
from sunsweep.contract.times import iso
from sunsweep.contract.topics import Event, EventTopic
from sunsweep.server.db.models import CommandEvent, CommandRow
from sunsweep.server.events import publish, publish_change
from sunsweep.server.features.commands import repository, service
from sunsweep.server.features.machines.endpoints import Serial
from sunsweep.server.features.machines.service import known as known_machine
from sunsweep.server.features.requests import CompanyId, Operator, ServicesOf

router = APIRouter(prefix="/machines/{machine_id}/commands", tags=["commands"])

CommandId = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,36}$")]
IdempotencyKey = Annotated[str | None, Header(max_length=64, pattern=r"^[\x21-\x7e]+$")]


class NewCommand(BaseModel):
    """An order, such as `{"command":"start_cleaning","params":{"speed":5,"mode":"auto"}}`."""

    model_config = ConfigDict(extra="forbid")

    command: Annotated[str, StringConstraints(pattern=rf"^[A-Za-z0-9_.-]{{1,{MAX_COMMAND_CHARS}}}$")]
    params: dict[str, Any] = {}
    expires_in: Annotated[
        int | None, Field(strict=True, ge=1, le=604_800, description="seconds; start-like commands only")
    ] = None


class StateChange(BaseModel):
    state: str
    reason: str
    at: str


class CommandOut(BaseModel):
    id: str
    machine_id: str
    command: str
    params: dict[str, Any]
    state: str
    reason: str
    issued_at: str
    issued_by: int | None
    issued_by_key: int | None
    expires_at: str | None
    sent_at: str | None
    changed_at: str


class CommandLife(CommandOut):
    """A command with every change of its state."""

    history: list[StateChange]


class CommandPage(BaseModel):
    items: list[CommandOut]
    next_cursor: str | None


@router.post("", status_code=202)
async def give(
    machine_id: Serial,
    new: NewCommand,
    who: Operator,
    company_id: CompanyId,
    held: ServicesOf,
    idempotency_key: IdempotencyKey = None,
) -> CommandOut:
    """Give an order. The answer is that it is queued; its life follows at its address and as live frames."""
    wish = service.Wish(new.command, new.params, new.expires_in, idempotency_key)
    async with held.database.write() as unit:
        machine = await known_machine(unit, company_id, machine_id, lock=True)
        row, changes = await service.give(
            unit, machine, wish, user_id=who.user_id, key_id=who.key_id, now_ms=held.now_ms()
        )
    for change in changes:
        await publish_change(held.bus, company_id, machine_id, change)
    await publish(held.bus, EventTopic(company_id, machine_id, Event.WAKE), {})
    return CommandOut(**_out(machine_id, row))


@router.get("")
async def commands(
    machine_id: Serial,
    company_id: CompanyId,
    held: ServicesOf,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str, Query(pattern=r"^[0-9a-f-]{0,36}$")] = "",
) -> CommandPage:
    """The machine's commands, the newest first."""
    async with held.database.read() as unit:
        machine = await known_machine(unit, company_id, machine_id)
        rows = await repository.page(unit, machine.id, before=cursor, limit=limit + 1)
    items = [CommandOut(**_out(machine_id, row)) for row in rows[:limit]]
    return CommandPage(items=items, next_cursor=items[-1].id if len(rows) > limit else None)


@router.get("/{command_id}")
async def command(machine_id: Serial, command_id: CommandId, company_id: CompanyId, held: ServicesOf) -> CommandLife:
    """One command and its life."""
    async with held.database.read() as unit:
        machine = await known_machine(unit, company_id, machine_id)
        row = await service.known(unit, machine, command_id)
        return _life(machine_id, row, await repository.events(unit, row.id))


@router.post("/{command_id}/cancel")
async def cancel(
    machine_id: Serial, command_id: CommandId, _who: Operator, company_id: CompanyId, held: ServicesOf
) -> CommandLife:
    """Take back a command that is still queued."""
    async with held.database.write() as unit:
        machine = await known_machine(unit, company_id, machine_id, lock=True)
        change = await service.cancel(unit, machine, command_id, now_ms=held.now_ms())
    await publish_change(held.bus, company_id, machine_id, change)
    return await command(machine_id, command_id, company_id, held)


def _life(machine_id: str, row: CommandRow, events: Any) -> CommandLife:
    return CommandLife(**_out(machine_id, row), history=[_change(event) for event in events])


def _change(event: CommandEvent) -> StateChange:
    return StateChange(state=event.state, reason=event.reason, at=iso(event.at))


def _out(machine_id: str, row: CommandRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "machine_id": machine_id,
        "command": row.command,
        "params": json.decode(row.params),
        "state": row.state,
        "reason": row.reason,
        "issued_at": iso(row.issued_at),
        "issued_by": row.issued_by,
        "issued_by_key": row.issued_by_key,
        "expires_at": iso(row.expires_at) if row.expires_at else None,
        "sent_at": iso(row.sent_at) if row.sent_at else None,
        "changed_at": iso(row.changed_at),
    }
