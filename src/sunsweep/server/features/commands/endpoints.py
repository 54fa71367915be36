"""Commands of a machine: give, look at, take back, close."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sunsweep.server.events import publish_change, publish_wake
from sunsweep.server.features.answers import refusals
from sunsweep.server.features.audit.trail import AuditTrail
from sunsweep.server.features.commands import repository, service
from sunsweep.server.features.commands.outcome import Wait, is_known, outcome, seconds
from sunsweep.server.features.commands.repository import Sought
from sunsweep.server.features.commands.shapes import (
    CommandId,
    CommandLife,
    CommandOut,
    CommandPage,
    Cursor,
    IdempotencyKey,
    IsOpen,
    NewCommand,
    PageSize,
    States,
    life,
    page,
    shown,
)
from sunsweep.server.features.machines.endpoints import Serial
from sunsweep.server.features.machines.service import known as known_machine
from sunsweep.server.features.requests import CompanyId, Operator, ServicesOf

router = APIRouter(prefix="/machines/{machine_id}/commands", tags=["commands"])


@router.post(
    "",
    status_code=202,
    response_model=CommandOut,
    response_description="It is given, and its outcome not known yet",
    responses=refusals(403, 409, 429)
    | {200: {"model": CommandLife, "description": "With `wait`: its outcome, an end or `unconfirmed`"}},
)
async def give(
    request: Request,
    machine_id: Serial,
    new: NewCommand,
    who: Operator,
    company_id: CompanyId,
    held: ServicesOf,
    trail: AuditTrail,
    idempotency_key: IdempotencyKey = None,
    wait: Wait = None,
) -> CommandOut | JSONResponse:
    """Give an order. The answer is that it is queued; its life follows at its address and as live frames."""
    wish = service.Wish(new.command, new.params, new.expires_in, idempotency_key)
    by = {"user_id": who.user_id, "key_id": who.key_id, "per_minute": held.settings.commands_per_minute}
    async with held.database.write() as unit:
        machine = await known_machine(unit, company_id, machine_id, lock=True)
        row, changes = await service.give(unit, machine, wish, now_ms=held.now_ms(), **by)
        if changes:  # else the key was used before, and nothing is done again
            told = {"id": row.id, "command": row.command}
            await trail.done(unit, f"machine {machine.serial}", company_id=company_id, detail=told)
        (answer,) = await shown(unit, company_id, [(row, machine_id)], who=who)
    for change in changes:
        await publish_change(held.bus, company_id, machine_id, change)
    await publish_wake(held.bus, company_id, machine_id, new.command)
    if not seconds(wait):
        return answer
    row = await outcome(held.database, row, within_s=seconds(wait), gone=request.is_disconnected)
    async with held.database.read() as unit:
        if is_known(row):
            told_life = await life(unit, company_id, row, machine_id)
            return JSONResponse(told_life.model_dump())
        (answer,) = await shown(unit, company_id, [(row, machine_id)], who=who)
    return answer


@router.get("")
async def commands(
    machine_id: Serial,
    company_id: CompanyId,
    held: ServicesOf,
    states: States = None,
    is_open: IsOpen = None,
    limit: PageSize = 50,
    cursor: Cursor = "",
) -> CommandPage:
    """The machine's commands, the newest first."""
    sought = Sought(cursor, limit + 1, states or (), is_open)
    async with held.database.read() as unit:
        machine = await known_machine(unit, company_id, machine_id)
        rows = await repository.page(unit, machine.id, sought)
        return page(await shown(unit, company_id, [(row, machine_id) for row in rows]), limit)


@router.get("/{command_id}")
async def command(machine_id: Serial, command_id: CommandId, company_id: CompanyId, held: ServicesOf) -> CommandLife:
    """One command and its life."""
    async with held.database.read() as unit:
        machine = await known_machine(unit, company_id, machine_id)
        return await life(unit, company_id, await service.known(unit, machine, command_id), machine_id)


@router.post("/{command_id}/cancel", responses=refusals(409))
async def cancel(
    machine_id: Serial,
    command_id: CommandId,
    _who: Operator,
    company_id: CompanyId,
    held: ServicesOf,
    trail: AuditTrail,
) -> CommandLife:
    """Take back a command that is still queued."""
    async with held.database.write() as unit:
        machine = await known_machine(unit, company_id, machine_id, lock=True)
        change = await service.cancel(unit, machine, command_id, now_ms=held.now_ms())
        await trail.done(unit, f"machine {machine.serial}", company_id=company_id, detail={"id": change.id})
    await publish_change(held.bus, company_id, machine_id, change)
    return await command(machine_id, command_id, company_id, held)


@router.post("/{command_id}/close", responses=refusals(409))
async def close(
    machine_id: Serial,
    command_id: CommandId,
    who: Operator,
    company_id: CompanyId,
    held: ServicesOf,
    trail: AuditTrail,
) -> CommandLife:
    """Take note of a stop that is not confirmed: it is sent no more, and starts may be given again."""
    async with held.database.write() as unit:
        machine = await known_machine(unit, company_id, machine_id, lock=True)
        change = await service.close(unit, machine, command_id, by=who.email, now_ms=held.now_ms())
        await trail.done(unit, f"machine {machine.serial}", company_id=company_id, detail={"id": change.id})
    await publish_change(held.bus, company_id, machine_id, change)
    return await command(machine_id, command_id, company_id, held)
