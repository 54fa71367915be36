"""One command for many machines: look at it in a dry run, give it, follow it, abort it."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from sunsweep.server.db.engine import DATABASE_AWAY
from sunsweep.server.features.answers import refusals
from sunsweep.server.features.audit.trail import AuditTrail
from sunsweep.server.features.bulk import repository, service
from sunsweep.server.features.bulk.advance import Step, advance
from sunsweep.server.features.bulk.news import tell
from sunsweep.server.features.bulk.progress import Next
from sunsweep.server.features.bulk.shapes import (
    BulkBegun,
    BulkId,
    BulkPage,
    BulkRunOut,
    BulkWish,
    DryRun,
    MachineLimit,
    SerialCursor,
    TargetPage,
    Wanted,
    dry_run,
    shown,
    target_out,
)
from sunsweep.server.features.commands.shapes import Cursor, PageSize
from sunsweep.server.features.commands.wish import Giver
from sunsweep.server.features.requests import CompanyId, Operator, ServicesOf
from sunsweep.server.features.services import Services

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/commands", tags=["bulk"])

_OF_DRY_RUN = "of a dry run: "


@router.post(
    "",
    status_code=202,
    response_model=BulkBegun,
    response_description="It has begun",
    responses=refusals(409, 429) | {200: {"model": DryRun, "description": "With `dry_run`: what would happen"}},
)
async def give(
    new: BulkWish,
    who: Operator,
    company_id: CompanyId,
    held: ServicesOf,
    trail: AuditTrail,
    limit: Annotated[MachineLimit, Query(description=f"{_OF_DRY_RUN}machines of a page")] = 200,
    cursor: SerialCursor = "",
    refused: Annotated[bool, Query(description=f"{_OF_DRY_RUN}only machines that would be given nothing")] = False,  # noqa: FBT002  FastAPI names it
) -> BulkBegun | JSONResponse:
    """Give one order to all machines that a filter means.

    A start needs the `confirmation` of a dry run, and is given stage by stage, each once the commands of the one
    before have ended. A stop goes to all of them at once: with `{"all":true}` it is the company's stop-all.
    """
    order = new.order(company_id, Giver(who.user_id, who.key_id))
    secret = held.settings.secret_key.get_secret_value()
    if new.dry_run:
        async with held.database.read() as unit:
            found = await service.preview(unit, order, secret=secret, now_ms=held.now_ms())
        return JSONResponse(dry_run(order, found, after=cursor, limit=limit, refused_only=refused).model_dump())
    async with held.database.write() as unit:
        begun = await service.begin(
            unit,
            order,
            token=new.confirmation,
            secret=secret,
            per_minute=held.settings.commands_per_minute,
            now_ms=held.now_ms(),
        )
        if begun.is_new:
            told = {"id": begun.run.id, "command": new.command, "filter": order.chosen, "machines": begun.machines}
            await trail.done(unit, "machines", company_id=company_id, detail=told)
    if order.is_stop:
        await _give_at_once(held, company_id, begun.run.id)
    run = await bulk_run(begun.run.id, company_id, held)
    return BulkBegun(**run.model_dump(), unknown=begun.unknown)


@router.get("/bulk")
async def bulk_runs(company_id: CompanyId, held: ServicesOf, limit: PageSize = 50, cursor: Cursor = "") -> BulkPage:
    """The company's bulk runs, the newest first; a page has fewer than `limit` where their filters are long."""
    async with held.database.read() as unit:
        found = await repository.page(unit, company_id, before=cursor, limit=limit)
        items = await shown(unit, company_id, found.runs)
    return BulkPage(items=items, next_cursor=items[-1].id if found.has_more else None)


@router.get("/bulk/{bulk_id}")
async def bulk_run(bulk_id: BulkId, company_id: CompanyId, held: ServicesOf) -> BulkRunOut:
    """One bulk run and how far it has come."""
    async with held.database.read() as unit:
        (found,) = await shown(unit, company_id, [await service.known(unit, company_id, bulk_id)])
    return found


@router.get("/bulk/{bulk_id}/machines")
async def bulk_machines(
    bulk_id: BulkId,
    company_id: CompanyId,
    held: ServicesOf,
    states: Wanted = None,
    limit: MachineLimit = 200,
    cursor: SerialCursor = "",
) -> TargetPage:
    """What has become of it on each machine, in the order of the serial numbers."""
    async with held.database.read() as unit:
        run = await service.known(unit, company_id, bulk_id)
        rows = await repository.targets(unit, run, after=cursor, limit=limit + 1, states=states or ())
    items = [target_out(row) for row in rows[:limit]]
    return TargetPage(items=items, next_cursor=items[-1].machine_id if len(rows) > limit else None)


@router.post("/bulk/{bulk_id}/abort", responses=refusals(409))
async def abort(
    bulk_id: BulkId, who: Operator, company_id: CompanyId, held: ServicesOf, trail: AuditTrail
) -> BulkRunOut:
    """No further machine is given the command, and where it is still queued it is cancelled; what is sent goes on."""
    async with held.database.write() as unit:
        run, told = await service.abort(unit, company_id, bulk_id, by=who.email, now_ms=held.now_ms())
        await trail.done(unit, f"bulk {run.id}", company_id=company_id, detail={"command": run.command})
    await tell(held.bus, company_id, Step(Next.ABORT, told))
    return await bulk_run(bulk_id, company_id, held)


async def _give_at_once(held: Services, company_id: int, bulk_id: str) -> None:
    """Machine by machine it goes on its way while the next ones are written."""
    moved = True
    while moved:
        try:
            async with held.database.write() as unit:
                step = await advance(unit, company_id, bulk_id, now_ms=held.now_ms())
        except DATABASE_AWAY as error:
            # The run is written: `dispatch` gives the rest.
            log.warning("a bulk stop waits for the database", run=bulk_id, error=str(error))
            return
        await tell(held.bus, company_id, step)
        moved = step.moved
