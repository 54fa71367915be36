"""Is it alive, is it ready, what does it count."""

import asyncio
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from sunsweep.server.features.health.troubles import troubles_everywhere, troubles_here
from sunsweep.server.features.requests import ServicesOf
from sunsweep.server.features.services import Services

router = APIRouter(tags=["health"])

UNREADY: Final = "The broker or the database cannot be reached"

_CHECK_WITHIN_S = 3.0


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": UNREADY, "content": {"application/json": {"schema": {}}}}})
async def readyz(held: ServicesOf) -> JSONResponse:
    """Broker and database can be reached; what else is amiss is `degraded`, and named."""
    database, troubles = await _database(held)
    checks = {"database": database, "broker": "ok" if held.bus.connected else "not connected"}
    if any(word != "ok" for word in checks.values()):
        return JSONResponse({"status": "unavailable", **checks}, status_code=503)
    troubles |= troubles_here()
    return JSONResponse({"status": "degraded" if troubles else "ok", **checks, **troubles})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics() -> Response:
    """What the process counts, for Prometheus."""
    return Response(await asyncio.to_thread(generate_latest), media_type=CONTENT_TYPE_LATEST)


async def _database(held: Services) -> tuple[str, dict[str, str]]:
    """Whether it answers, and what is amiss by its word."""
    try:
        async with held.database.read(within_s=_CHECK_WITHIN_S) as session:
            return "ok", await troubles_everywhere(session, now_ms=held.now_ms())
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return f"not reachable: {type(error).__name__}", {}
