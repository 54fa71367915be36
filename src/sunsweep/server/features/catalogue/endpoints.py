"""What may be ordered: a machine's catalogue, and what a company says of its machine models."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from sunsweep.server.features.answers import refusals
from sunsweep.server.features.audit.trail import AuditTrail
from sunsweep.server.features.catalogue import repository, service
from sunsweep.server.features.catalogue.shapes import (
    NAME_PATTERN,
    Catalogue,
    ModelOut,
    ModelPage,
    ModelWish,
    catalogue_out,
    model_out,
)
from sunsweep.server.features.catalogue.table import all_known
from sunsweep.server.features.commands.giving import DEFAULT_EXPIRY_S
from sunsweep.server.features.machines.endpoints import Serial
from sunsweep.server.features.machines.service import known as known_machine
from sunsweep.server.features.requests import Admin, CompanyId, ServicesOf

router = APIRouter(tags=["catalogue"])

ModelName = Annotated[str, Path(pattern=NAME_PATTERN, description="as machines name it")]
ModelCursor = Annotated[str, Query(max_length=64)]


@router.get("/machines/{machine_id}/catalogue")
async def catalogue(machine_id: Serial, company_id: CompanyId, held: ServicesOf) -> Catalogue:
    """All that may be ordered from a machine, each with what a form for it needs to know."""
    async with held.database.read() as unit:
        machine = await known_machine(unit, company_id, machine_id)
        company, own = await service.of_machine(unit, (company_id, machine.model))
    life_s = company.command_life_s or DEFAULT_EXPIRY_S
    return catalogue_out(machine, all_known(own), custom=company.custom_commands, life_s=life_s)


@router.get("/machine-models")
async def models(
    company_id: CompanyId,
    held: ServicesOf,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: ModelCursor = "",
) -> ModelPage:
    """What the company says of its machine models, in the order of their names."""
    async with held.database.read() as unit:
        rows = await repository.page(unit, company_id, after=cursor, limit=limit + 1)
    items = [model_out(row) for row in rows[:limit]]
    return ModelPage(items=items, next_cursor=items[-1].model if len(rows) > limit else None)


@router.get("/machine-models/{model}")
async def model(model: ModelName, company_id: CompanyId, held: ServicesOf) -> ModelOut:
    """What the company says of one machine model."""
    async with held.database.read() as unit:
        return model_out(await service.known_model(unit, company_id, model))


@router.put("/machine-models/{model}", responses=refusals(409))
async def put(
    model: ModelName, wish: ModelWish, _who: Admin, company_id: CompanyId, held: ServicesOf, trail: AuditTrail
) -> ModelOut:
    """Say what its machines can be ordered beside what is built in, or otherwise; what was said before is gone.

    A command of one's own is start-like: it expires, and waits while a stop is open.
    """
    async with held.database.write() as unit:
        row = await service.put(unit, company_id, model, wish.own(), now_ms=held.now_ms())
        told = {"commands": sorted(wish.commands)}
        await trail.done(unit, f"machine model {row.name}", company_id=company_id, detail=told)
        return model_out(row)


@router.delete("/machine-models/{model}", status_code=204)
async def remove(model: ModelName, _who: Admin, company_id: CompanyId, held: ServicesOf, trail: AuditTrail) -> None:
    """Only what is built in holds for these machines from now on."""
    async with held.database.write() as unit:
        row = await service.known_model(unit, company_id, model, lock=True)
        await unit.delete(row)
        await trail.done(unit, f"machine model {row.name}", company_id=company_id)
