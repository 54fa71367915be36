"""Enrolment: an admin's code for a machine, and what a machine gets for it."""

import math
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sunsweep.contract.times import iso
from sunsweep.contract.topics import machine_rule
from sunsweep.server.broker.logins import wait_applied
from sunsweep.server.errors import TooManyTriesError
from sunsweep.server.features.answers import refusals
from sunsweep.server.features.audit.actors import of_machine
from sunsweep.server.features.audit.trail import AuditTrail
from sunsweep.server.features.enrolment import service
from sunsweep.server.features.enrolment.addresses import broker_urls, ca_certificate
from sunsweep.server.features.enrolment.codes import MAX_TYPED
from sunsweep.server.features.machines import service as machines
from sunsweep.server.features.requests import Admin, CompanyId, ServicesOf, address

router = APIRouter(tags=["enrolment"])

Serial = Annotated[str, Path(description="the serial number")]
Life = Annotated[int, Field(ge=service.MIN_LIFE_S, le=service.MAX_LIFE_S, description="seconds that the code is good")]


class CodeWish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_in: Life = service.DEFAULT_LIFE_S


class CodeOut(BaseModel):
    """To be typed on the machine; the code is shown this once."""

    code: str
    expires_at: str


class Typed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TYPED)]


class Enrolled(BaseModel):
    """All that a machine needs; the password is told this once."""

    company_id: int
    machine_id: str
    mqtt_username: str
    mqtt_password: str
    topics: str
    """The filter under which the machine may publish and subscribe."""
    brokers: list[str]
    """URLs, to be tried in turn."""
    ca: str | None
    """PEM; None where the system's own certificates will do."""


@router.post("/machines/{machine_id}/enrolment-code", status_code=201, responses=refusals(409))
async def issue(
    machine_id: Serial,
    _who: Admin,
    company_id: CompanyId,
    held: ServicesOf,
    trail: AuditTrail,
    wish: CodeWish | None = None,
) -> CodeOut:
    """A one-time code for `sunsweep-machine enroll`; a new one ends the older."""
    life_s = (wish or CodeWish()).expires_in
    async with held.database.write() as unit:
        found = await machines.known(unit, company_id, machine_id, lock=True)
        issued = await service.issue(unit, found, life_s=life_s, now_ms=held.now_ms())
        until = {"expires_at": iso(issued.expires_at)}
        await trail.done(unit, f"machine {found.serial}", company_id=company_id, detail=until)
    return CodeOut(code=issued.code, expires_at=iso(issued.expires_at))


@router.post("/enrol", responses=refusals(404, 429))
async def enrol(typed: Typed, request: Request, held: ServicesOf, trail: AuditTrail) -> Enrolled:
    """Spend a code for a new login; the machine's old one ends when the new one first connects. No login is needed."""
    wait_s = held.enrolment_tries.wait_s(address(request))
    if wait_s > 0:
        raise TooManyTriesError("too many codes were tried; wait a little", retry_after_s=math.ceil(wait_s))
    # Whatever can fail comes before the code is spent.
    ca = await ca_certificate(held.settings.mqtt_ca_file)
    async with held.database.write() as unit:
        machine, login = await service.redeem(unit, typed.code, now_ms=held.now_ms())
        await trail.done(
            unit,
            f"machine {machine.serial}",
            company_id=machine.company_id,
            actor=of_machine(machine, address(request)),
            detail={"mqtt_username": login.mqtt_username},
        )
    await wait_applied(held.database, now_ms=held.now_ms)
    return Enrolled(
        company_id=login.company_id,
        machine_id=login.machine_id,
        mqtt_username=login.mqtt_username,
        mqtt_password=login.mqtt_password,
        topics=machine_rule(login.company_id, login.machine_id),
        brokers=broker_urls(held.settings, request.url),
        ca=ca,
    )
