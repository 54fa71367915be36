"""What went wrong in somebody's app: into the server's log, where whoever runs the platform reads it."""

import math
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, StringConstraints

from sunsweep.server.errors import TooManyTriesError
from sunsweep.server.features.answers import refusals
from sunsweep.server.features.requests import MaybeCaller, ServicesOf, address

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/app", tags=["app"])

MAX_MESSAGE: Final = 2000
MAX_TRACEBACK: Final = 8000


class AppError(BaseModel):
    """An error of the app. `page` is the address within the app, `version` the app's."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[str, StringConstraints(min_length=1, max_length=MAX_MESSAGE)]
    traceback: Annotated[str, StringConstraints(max_length=MAX_TRACEBACK)] = ""
    page: Annotated[str, StringConstraints(max_length=300)] = ""
    version: Annotated[str, StringConstraints(max_length=64)] = ""


@router.post("/errors", status_code=204, responses=refusals(429))
async def report(error: AppError, request: Request, held: ServicesOf, who: MaybeCaller) -> None:
    """Tell of an error of the app. No login is needed: it may be the login that fails."""
    wait_s = held.app_error_tries.wait_s(address(request))
    if wait_s > 0:
        raise TooManyTriesError("enough errors were told of; wait a little", retry_after_s=math.ceil(wait_s))
    log.warning(
        "app_error",
        user=who.email if who else None,
        company=who.company_id if who else None,
        address=_plain(address(request), 64),
        error=_plain(error.message, MAX_MESSAGE),
        traceback=_plain(error.traceback, MAX_TRACEBACK),
        page=_plain(error.page, 300),
        version=_plain(error.version, 64),
    )


def _plain(given: str, most: int) -> str:
    """Others' words on one line: what is no letter to look at could write lines of its own, or turn text around."""
    escaped = (one if one.isprintable() else one.encode("unicode_escape").decode() for one in given)
    return "".join(escaped)[:most]
