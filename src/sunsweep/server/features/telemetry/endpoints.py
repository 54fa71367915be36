"""History of a machine: samples and changes of state."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from sunsweep.server.db.models import StatusEvent, TelemetryRow
from sunsweep.server.features.machines.endpoints import Serial
from sunsweep.server.features.machines.service import known
from sunsweep.server.features.requests import CompanyId, ServicesOf
from sunsweep.server.features.telemetry import repository, service
from sunsweep.server.features.telemetry.service import BUCKET_MS, Resolution

router = APIRouter(prefix="/machines/{machine_id}", tags=["history"])

From = Annotated[datetime | None, Query(alias="from", description="inclusive; default: a day before `to`")]
To = Annotated[datetime | None, Query(description="exclusive; default: now")]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Cursor = Annotated[str, Query(max_length=64)]


class History(BaseModel):
    """A span of history in the order of time. V, V, A, % of the tank; Wh, litres, m² of a run."""

    machine_id: str
    resolution: Resolution
    items: list[dict[str, Any]]
    next_cursor: str | None


@router.get("/telemetry")
async def telemetry(
    machine_id: Serial,
    company_id: CompanyId,
    held: ServicesOf,
    begin: From = None,
    to: To = None,
    resolution: Resolution = Resolution.RAW,
    limit: Limit = 1000,
    cursor: Cursor = "",
) -> History:
    """Samples, or their count, mean, minimum and maximum per minute, hour or day."""
    asked = service.span(begin, to, now_ms=held.now_ms())
    async with held.database.read() as unit:
        machine = await known(unit, company_id, machine_id)
        chosen = service.resolve(resolution, asked, expected_interval_s=machine.expected_interval_s)
        if chosen is Resolution.RAW:
            after = service.read_cursor(cursor)
            rows = await repository.history(unit, TelemetryRow, machine.id, asked, after=after, limit=limit + 1)
            items = [service.sample_out(row) for row in rows[:limit]]
            more = service.cursor_of(rows[limit - 1]) if len(rows) > limit else None
        else:
            left, width = service.after_buckets(asked, cursor), BUCKET_MS[chosen]
            found = await repository.buckets(unit, machine.id, left, bucket_ms=width, limit=limit + 1)
            items = [service.bucket_out(row) for row in found[:limit]]
            more = f"{found[limit - 1].bucket + width}.0.0" if len(found) > limit else None
    return History(machine_id=machine_id, resolution=chosen, items=items, next_cursor=more)


@router.get("/status/history")
async def status_history(
    machine_id: Serial,
    company_id: CompanyId,
    held: ServicesOf,
    begin: From = None,
    to: To = None,
    limit: Limit = 1000,
    cursor: Cursor = "",
) -> History:
    """Changes of state."""
    asked = service.span(begin, to, now_ms=held.now_ms())
    async with held.database.read() as unit:
        machine = await known(unit, company_id, machine_id)
        after = service.read_cursor(cursor)
        rows = await repository.history(unit, StatusEvent, machine.id, asked, after=after, limit=limit + 1)
    more = service.cursor_of(rows[limit - 1]) if len(rows) > limit else None
    items = [service.event_out(row) for row in rows[:limit]]
    return History(machine_id=machine_id, resolution=Resolution.RAW, items=items, next_cursor=more)
