"""Machines: list, add, change, end, rotate; and their newest state."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from msgspec import json, structs
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.topics import SERIAL_PATTERN
from sunsweep.server.broker.logins import wait_applied
from sunsweep.server.db.models import Machine
from sunsweep.server.errors import InvalidError
from sunsweep.server.events import publish_change, publish_presence
from sunsweep.server.features.answers import refusals
from sunsweep.server.features.audit.trail import AuditTrail
from sunsweep.server.features.enrolment.addresses import broker_urls
from sunsweep.server.features.machines import repository, service
from sunsweep.server.features.machines.attention_repository import attention
from sunsweep.server.features.machines.service import Login
from sunsweep.server.features.machines.shapes import (
    Credentials,
    CredentialsWish,
    MachineChange,
    MachineDetail,
    MachinePage,
    MachineStatusOut,
    Move,
    NewMachine,
    NewMachineOut,
    machine_detail,
    machine_out,
    status_out,
)
from sunsweep.server.features.requests import Admin, AskedCompany, CompanyId, PlatformAdmin, ServicesOf, company
from sunsweep.server.features.services import Services

router = APIRouter(prefix="/machines", tags=["machines"])

Serial = Annotated[str, Path(description="the serial number")]

Cursor = Annotated[str, Query(pattern=rf"^({SERIAL_PATTERN})?$")]


@router.get("")
async def machines(
    company_id: CompanyId,
    held: ServicesOf,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    cursor: Cursor = "",
) -> MachinePage:
    """The company's machines in the order of their serials, each with its newest state and what asks for attention."""
    async with held.database.read() as unit:
        rows = await repository.page(unit, company_id, after=cursor, limit=limit + 1)
        asked = await attention(unit, [machine.id for machine, _ in rows[:limit]], now_ms=held.now_ms())
    items = [machine_out(machine, status, asked[machine.id]) for machine, status in rows[:limit]]
    return MachinePage(items=items, next_cursor=items[-1].machine_id if len(rows) > limit else None)


@router.post("", status_code=201, responses=refusals(409))
async def add(
    new: NewMachine, who: Admin, request: Request, held: ServicesOf, trail: AuditTrail, company_id: AskedCompany = None
) -> NewMachineOut:
    """Add a machine; its MQTT password is in this answer and nowhere else."""
    trail.about(f"machine {new.machine_id}", company_id=company_id or new.company_id)
    if new.company_id is not None and company_id not in (None, new.company_id):
        raise InvalidError("the body and the query name two companies", field="company_id")
    company_id = company(who, company_id or new.company_id)
    details = new.model_dump(exclude={"machine_id", "company_id", "tags"}) | {"tags": json.encode(new.tags).decode()}
    async with held.database.write() as unit:
        machine, login = await service.add(unit, company_id, new.machine_id, now_ms=held.now_ms(), **details)
        await trail.done(
            unit,
            f"machine {machine.serial}",
            company_id=company_id,
            detail={"mqtt_username": login.mqtt_username} | new.model_dump(exclude={"machine_id"}, exclude_unset=True),
        )
    await wait_applied(held.database, now_ms=held.now_ms)
    return NewMachineOut(**(machine_detail(machine, None).model_dump() | _told(login, held, request)))


@router.get("/{machine_id}")
async def machine(machine_id: Serial, company_id: CompanyId, held: ServicesOf) -> MachineDetail:
    """One machine."""
    async with held.database.read() as unit:
        return await _detail(unit, await service.known(unit, company_id, machine_id), now_ms=held.now_ms())


@router.patch("/{machine_id}")
async def change(
    machine_id: Serial, wish: MachineChange, _who: Admin, company_id: CompanyId, held: ServicesOf, trail: AuditTrail
) -> MachineDetail:
    """Change a machine; one that is disabled loses its MQTT session."""
    details = wish.model_dump(exclude_unset=True)
    if "tags" in details:
        details["tags"] = json.encode(details["tags"]).decode()
    async with held.database.write() as unit:
        found = await service.known(unit, company_id, machine_id, lock=True)
        changed = await service.change(unit, found, details, now_ms=held.now_ms())
        await trail.done(unit, f"machine {found.serial}", company_id=company_id, detail=changed)
    await wait_applied(held.database, now_ms=held.now_ms)
    async with held.database.write() as unit:
        gone = await service.shut_out(unit, found, now_ms=held.now_ms())
        answer = await _detail(unit, found, now_ms=held.now_ms())
    if gone is not None:
        await publish_presence(held.bus, gone)
    return answer


async def _detail(unit: AsyncSession, found: Machine, *, now_ms: int) -> MachineDetail:
    asked = await attention(unit, [found.id], now_ms=now_ms)
    return machine_detail(found, await repository.status(unit, found.id), asked[found.id])


@router.delete("/{machine_id}", status_code=204)
async def archive(machine_id: Serial, _who: Admin, company_id: CompanyId, held: ServicesOf, trail: AuditTrail) -> None:
    """End a machine: its logins and what it was to do end now, its history stays, its serial is free after a day."""
    async with held.database.write() as unit:
        found = await service.known(unit, company_id, machine_id, lock=True)
        ended = await service.archive(unit, found, now_ms=held.now_ms())
        await trail.done(unit, f"machine {found.serial}", company_id=company_id)
    for one in ended:
        await publish_change(held.bus, company_id, machine_id, one)
    await wait_applied(held.database, now_ms=held.now_ms)


@router.post("/{machine_id}/credentials", status_code=201)
async def rotate(
    machine_id: Serial,
    _who: Admin,
    company_id: CompanyId,
    request: Request,
    held: ServicesOf,
    trail: AuditTrail,
    wish: CredentialsWish | None = None,
) -> Credentials:
    """A new login with the same topics; the old one ends when the new one first connects, or after the overlap."""
    overlap_s = (wish or CredentialsWish()).overlap_s
    async with held.database.write() as unit:
        found = await service.known(unit, company_id, machine_id, lock=True)
        login = await service.rotate(unit, found, now_ms=held.now_ms(), overlap_s=overlap_s)
        told = {"mqtt_username": login.mqtt_username, "overlap_s": overlap_s}
        await trail.done(unit, f"machine {found.serial}", company_id=company_id, detail=told)
    await wait_applied(held.database, now_ms=held.now_ms)
    return Credentials(**_told(login, held, request))


@router.post("/{machine_id}/move", status_code=201)
async def move(
    machine_id: Serial,
    to: Move,
    _who: PlatformAdmin,
    company_id: CompanyId,
    request: Request,
    held: ServicesOf,
    trail: AuditTrail,
) -> NewMachineOut:
    """End the machine here and make it anew in another company; its new MQTT password is in this answer only."""
    async with held.database.write() as unit:
        found = await service.known(unit, company_id, machine_id, lock=True)
        moved, login, ended = await service.move(unit, found, to.company_id, now_ms=held.now_ms())
        # Each of the two companies reads that it has gone or come, and not where or whence.
        what, here = f"machine {moved.serial}", {"moved": "here", "mqtt_username": login.mqtt_username}
        await trail.done(unit, what, company_id=company_id, detail={"moved": "away"})
        await trail.done(unit, what, company_id=moved.company_id, detail=here)
    for one in ended:
        await publish_change(held.bus, company_id, machine_id, one)
    await wait_applied(held.database, now_ms=held.now_ms)
    return NewMachineOut(**(machine_detail(moved, None).model_dump() | _told(login, held, request)))


@router.get("/{machine_id}/status")
async def status(machine_id: Serial, company_id: CompanyId, held: ServicesOf) -> MachineStatusOut:
    """The newest state, sample and presence."""
    async with held.database.read() as unit:
        found = await service.known(unit, company_id, machine_id)
        return status_out(found.serial, await repository.status(unit, found.id))


def _told(login: Login, held: Services, request: Request) -> dict[str, Any]:
    """With where it is good: whoever writes a machine's program has nobody else to ask."""
    return structs.asdict(login) | {"brokers": broker_urls(held.settings, request.url)}
