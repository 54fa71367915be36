"""Is it alive, is it ready, what does it count."""

import asyncio
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

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
    """Broker and database can be reached."""
    checks = {"database": await _database(held), "broker": "ok" if held.bus.connected else "not connected"}
    ready = all(word == "ok" for word in checks.values())
    body: dict[str, Any] = {"status": "ok" if ready else "unavailable", **checks}
    return JSONResponse(body, status_code=200 if ready else 503)


@router.get("/metrics")
async def metrics() -> Response:
    """What the process counts, for Prometheus."""
    return Response(await asyncio.to_thread(generate_latest), media_type=CONTENT_TYPE_LATEST)


async def _database(held: Services) -> str:
    try:
        async with asyncio.timeout(_CHECK_WITHIN_S), held.database.read() as session:
            await session.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return f"not reachable: {type(error).__name__}"
    return "ok"
