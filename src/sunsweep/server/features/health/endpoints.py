"""Is it alive, is it ready, what does it count."""

import asyncio
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from sunsweep.server.db.seats import UNHELD_MS, member_id, seat_table
from sunsweep.server.features.requests import ServicesOf
from sunsweep.server.features.services import Services

router = APIRouter(tags=["health"])

_CHECK_WITHIN_S = 3.0


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "the broker or the database cannot be reached"}})
async def readyz(held: ServicesOf) -> JSONResponse:
    """Broker and database can be reached; what else is amiss is `degraded`, and named."""
    database, unheld = await _database(held)
    checks = {"database": database, "broker": "ok" if held.bus.connected else "not connected"}
    ready = all(word == "ok" for word in checks.values())
    body: dict[str, Any] = {"status": "ok" if ready else "unavailable", **checks}
    if ready and unheld:
        names = ", ".join(map(member_id, unheld))
        body |= {"status": "degraded", "ingest": f"nobody reads through {names}; what comes waits in the broker"}
    return JSONResponse(body, status_code=200 if ready else 503)


@router.get("/metrics")
async def metrics() -> Response:
    """What the process counts, for Prometheus."""
    return Response(await asyncio.to_thread(generate_latest), media_type=CONTENT_TYPE_LATEST)


async def _database(held: Services) -> tuple[str, list[int]]:
    """Whether it answers, and the members of the ingest that nobody has held for a while."""
    now_ms = held.now_ms()
    try:
        async with asyncio.timeout(_CHECK_WITHIN_S), held.database.read() as session:
            table = await seat_table(session, now_ms=now_ms)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return f"not reachable: {type(error).__name__}", []
    return "ok", [number for number, unheld_ms in table.unheld(now_ms).items() if unheld_ms >= UNHELD_MS]
