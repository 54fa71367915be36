"""History of a machine: samples and changes of state."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from sunsweep.contract.times import iso
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Machine, StatusEvent
from sunsweep.server.features.machines.endpoints import Serial
from sunsweep.server.features.machines.service import known
from sunsweep.server.features.requests import CompanyId, ServicesOf
from sunsweep.server.features.telemetry import csv_file, export, service
from sunsweep.server.features.telemetry.choice import Choice
from sunsweep.server.features.telemetry.grid import Resolution

router = APIRouter(prefix="/machines/{machine_id}", tags=["history"])

From = Annotated[datetime | None, Query(alias="from", description="inclusive; default: a day before `to`")]
To = Annotated[datetime | None, Query(description="exclusive; default: now")]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Cursor = Annotated[str, Query(max_length=64)]

PARQUET: Final = "application/vnd.apache.parquet"


class History(BaseModel):
    """A span of history in the order of time. V, V, A, % of the tank; Wh, litres, m² of a run."""

    machine_id: str
    resolution: Resolution
    bucket_s: int | None = None
    """How many seconds a bucket spans; none for raw samples."""
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
    """Samples as measured, or buckets of a minute, an hour or a day: count, mean, minimum and maximum of each field.

    A bucket is named by its start, a multiple of its width in UTC, and always whole: those in which the span begins or
    ends are counted from their start to their end. Numeric keys of `extra` are counted like the fields, at most 64 of
    them, of at most 64 characters. Hours and days outlive the raw samples. `auto` gives at most 1,000 points for any
    span: the raw samples if there are no more, or else buckets `bucket_s` wide, merged from those of `resolution`.
    """
    now_ms = held.now_ms()
    asked = service.span(begin, to, now_ms=now_ms)
    async with held.database.read() as unit:
        machine = await known(unit, company_id, machine_id)
        points = await service.telemetry(unit, machine, asked, resolution, cursor=cursor, limit=limit, now_ms=now_ms)
    return History(machine_id=machine_id, **points._asdict())


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
        rows, more = await service.page(unit, StatusEvent, machine.id, asked, after=after, limit=limit)
    items = [service.event_out(row) for row in rows]
    return History(machine_id=machine_id, resolution=Resolution.RAW, items=items, next_cursor=more)


class Exported(NamedTuple):
    """What a file is to hold."""

    database: Database
    machine: Machine
    chosen: Choice

    def about(self) -> dict[str, str]:
        """The file's own metadata."""
        begin, end = self.chosen.span
        width = {"bucket_s": str(self.chosen.grid.width_ms // 1000)} if self.chosen.grid else {}
        return {"machine_id": self.machine.serial, "from": iso(begin), "to": iso(end), **width}


async def exported(
    machine_id: Serial,
    company_id: CompanyId,
    held: ServicesOf,
    begin: From = None,
    to: To = None,
    resolution: Resolution = Resolution.RAW,
) -> Exported:
    now_ms = held.now_ms()
    asked = service.span(begin, to, now_ms=now_ms)
    async with held.database.read() as unit:
        machine = await known(unit, company_id, machine_id)
        return Exported(held.database, machine, await service.resolve(unit, machine, asked, resolution, now_ms=now_ms))


ExportedHistory = Annotated[Exported, Depends(exported)]


@router.get("/telemetry.csv", response_class=StreamingResponse, responses={200: {"content": {"text/csv": {}}}})
async def telemetry_csv(what: ExportedHistory) -> StreamingResponse:
    """The samples of the span, or its buckets, as CSV: UTF-8, a header line, times in ISO 8601.

    `battery_v` and `solar_v` in V, `solar_a` in A, `water_percent` of the tank, `extra` as JSON, empty where nothing
    was measured. `boot` and `seq` are the machine's own number of the message.
    """
    return await _download(what, csv_file.CsvFile(export.columns(what.chosen.grid)), "csv", csv_file.MEDIA_TYPE)


@router.get("/telemetry.parquet", response_class=StreamingResponse, responses={200: {"content": {PARQUET: {}}}})
async def telemetry_parquet(what: ExportedHistory) -> StreamingResponse:
    """The same as Parquet: times as UTC timestamps, the unit of a column in its metadata."""
    file = await asyncio.to_thread(_parquet_file, what)
    return await _download(what, file, "parquet", PARQUET)


def _parquet_file(what: Exported) -> export.File:
    # It costs a quarter of a second and 60 MB, which only those who ask for such a file shall pay.
    from sunsweep.server.features.telemetry.parquet_file import ParquetFile  # noqa: PLC0415

    return ParquetFile(export.columns(what.chosen.grid), what.about())


async def _download(what: Exported, file: export.File, suffix: str, media_type: str) -> StreamingResponse:
    pieces = await export.begun(export.content(what.database, what.machine.id, what.chosen, file))
    begin, end = (iso(ms)[:19].replace("-", "").replace(":", "") + "Z" for ms in what.chosen.span)
    name = f"{what.machine.serial}_{begin}_{end}.{suffix}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type=media_type, headers=headers)
