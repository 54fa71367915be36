"""Which action each writing route is: known also of a request that was refused before the endpoint heard of it."""

from collections.abc import Mapping
from typing import Final

from fastapi import Request

from sunsweep.server.features.audit.actions import Action

PREFIX: Final = "/api/v1"

ROUTES: Final[Mapping[str, Action]] = {
    "POST /auth/token": Action.LOGIN,
    "POST /auth/session": Action.LOGIN,
    "POST /auth/refresh": Action.LOGIN_RENEW,
    "POST /auth/logout": Action.LOGOUT,
    "POST /auth/password": Action.USER_PASSWORD,
    "POST /auth/reset": Action.USER_LINK,
    "POST /auth/reset/confirm": Action.USER_PASSWORD,
    "POST /companies": Action.COMPANY_ADD,
    "PATCH /companies/{company_id}": Action.COMPANY_CHANGE,
    "POST /users": Action.USER_ADD,
    "PATCH /users/{user_id}": Action.USER_CHANGE,
    "POST /users/{user_id}/reset-link": Action.USER_LINK,
    "POST /api-keys": Action.API_KEY_ADD,
    "DELETE /api-keys/{key_id}": Action.API_KEY_REVOKE,
    "POST /machines": Action.MACHINE_ADD,
    "PATCH /machines/{machine_id}": Action.MACHINE_CHANGE,
    "DELETE /machines/{machine_id}": Action.MACHINE_DELETE,
    "POST /machines/{machine_id}/move": Action.MACHINE_MOVE,
    "POST /machines/{machine_id}/credentials": Action.MACHINE_ROTATE,
    "POST /machines/{machine_id}/enrolment-code": Action.MACHINE_CODE,
    "POST /enrol": Action.MACHINE_ENROL,
    "PUT /machine-models/{model}": Action.MODEL_SET,
    "DELETE /machine-models/{model}": Action.MODEL_DELETE,
    "POST /machines/{machine_id}/commands": Action.COMMAND_GIVE,
    "POST /machines/{machine_id}/commands/{command_id}/cancel": Action.COMMAND_CANCEL,
    "POST /machines/{machine_id}/commands/{command_id}/close": Action.COMMAND_CLOSE,
    "POST /commands": Action.COMMAND_BULK,
    "POST /commands/bulk/{bulk_id}/abort": Action.COMMAND_ABORT,
    "POST /dead-letters/replay": Action.DEAD_LETTER_REPLAY,
    # Into the log, not here: only that too many were told of is an entry.
    "POST /app/errors": Action.APP_ERROR,
}


def action_of(request: Request) -> Action | None:
    """None for a route that writes nothing, or that there is not."""
    path: str = getattr(request.scope.get("route"), "path", "")
    return ROUTES.get(f"{request.method} {path.removeprefix(PREFIX)}")
