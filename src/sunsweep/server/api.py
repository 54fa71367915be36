"""The web application of a backend process: the routes of its roles, and errors as problem documents."""

import mimetypes
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi_offline import FastAPIOffline
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from sunsweep import __version__
from sunsweep.contract.schema import documents
from sunsweep.mqtt.settings import settings_from_url
from sunsweep.server import door
from sunsweep.server.app_site import add_app_site, built_site
from sunsweep.server.errors import FrameworkError, InvalidError, SunsweepError, UnavailableError
from sunsweep.server.features.accounts import company_endpoints as companies
from sunsweep.server.features.accounts import endpoints as accounts
from sunsweep.server.features.accounts import key_endpoints as api_keys
from sunsweep.server.features.accounts import people_endpoints as people
from sunsweep.server.features.answers import PROBLEM_TYPE, document
from sunsweep.server.features.apperrors import endpoints as apperrors
from sunsweep.server.features.audit import endpoints as audit
from sunsweep.server.features.audit.trail import note_refusal
from sunsweep.server.features.bulk import endpoints as bulk
from sunsweep.server.features.catalogue import endpoints as catalogue
from sunsweep.server.features.commands import company_endpoints as company_commands
from sunsweep.server.features.commands import endpoints as commands
from sunsweep.server.features.deadletters import endpoints as deadletters
from sunsweep.server.features.enrolment import endpoints as enrolment
from sunsweep.server.features.health import endpoints as health
from sunsweep.server.features.ledger import endpoints as ledger
from sunsweep.server.features.machines import endpoints as machines
from sunsweep.server.features.services import Services
from sunsweep.server.features.telemetry import endpoints as telemetry
from sunsweep.server.live import fleet_socket, socket
from sunsweep.server.live.fleets import Fleets
from sunsweep.server.live.hub import Hub
from sunsweep.server.settings import Role, ServeSettings
from sunsweep.server.traced_requests import TracedRequests
from sunsweep.server.tracing import is_on


def create_app(services: Services, hub: Hub | None, fleets: Fleets | None, *, roles: Collection[Role]) -> FastAPI:
    """The web application over this process's services."""
    app = bare_app(roles=roles, site=services.settings.app_site)
    app.state.services = services
    app.state.hub = hub
    app.state.fleets = fleets
    if services.settings.mqtt_door:
        add_door(app, services.settings)
    return app


def add_door(app: FastAPI, settings: ServeSettings) -> None:
    """`/mqtt`, to the broker that the backend itself uses, with every client's own login."""
    address = settings_from_url(settings.mqtt_url, ca_file=settings.mqtt_ca_file)
    app.state.door = door.Door(address, settings.mqtt_door_places)
    app.include_router(door.router)


def bare_app(*, roles: Collection[Role], site: Path | None = None) -> FastAPI:
    """The routes of `api` and `live`, as far as the process has the role; health always. `site`: the built app."""
    app: FastAPI = FastAPIOffline(title="Sunsweep", version=__version__, openapi_url="/openapi.json")
    app.openapi = partial(document, app)  # type: ignore[method-assign]  # as FastAPI says to extend it
    _errors(app)
    if is_on():
        app.add_middleware(TracedRequests)
    app.include_router(health.router)
    if Role.API in roles:
        v1 = APIRouter(prefix="/api/v1")
        for feature in (
            accounts,
            companies,
            people,
            api_keys,
            machines,
            enrolment,
            telemetry,
            catalogue,
            commands,
            company_commands,
            bulk,
            deadletters,
            ledger,
            audit,
            apperrors,
        ):
            v1.include_router(feature.router)
        app.include_router(v1)
        _pages(app, site or built_site())
    if Role.LIVE in roles:
        app.include_router(socket.router)
        app.include_router(fleet_socket.router)
    return app


def _pages(app: FastAPI, site: Path) -> None:
    # The first file that is answered would have it read its tables, in the loop that others wait for.
    mimetypes.init()

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/app")

    add_app_site(app, site)
    published = dict(documents())

    @app.get("/asyncapi.json", tags=["health"])
    async def contract() -> Response:
        """The contract on the wire."""
        return Response(published["asyncapi.json"], media_type="application/json")


def _errors(app: FastAPI) -> None:
    @app.exception_handler(SunsweepError)
    async def ours(request: Request, error: SunsweepError) -> JSONResponse:
        await note_refusal(request, error)
        return _problem(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = [{"field": ".".join(map(str, e["loc"][1:] or e["loc"])), "message": e["msg"]} for e in error.errors()]
        words = "; ".join(f"{entry['field']}: {entry['message']}" for entry in wrong)
        return _problem(InvalidError(words, field=wrong[0]["field"], errors=wrong))

    @app.exception_handler(WebSocketRequestValidationError)
    async def invalid_socket(socket: WebSocket, error: WebSocketRequestValidationError) -> None:
        await socket.accept()
        await socket.close(1008, "; ".join(".".join(map(str, e["loc"][1:])) for e in error.errors())[:100])

    @app.exception_handler(HTTPException)
    async def framework(_request: Request, error: HTTPException) -> JSONResponse:
        return _problem(FrameworkError(error.status_code, str(error.detail)), error.headers)

    @app.exception_handler(TimeoutError)
    @app.exception_handler(SQLAlchemyError)
    async def away(_request: Request, error: Exception) -> JSONResponse:
        return _problem(UnavailableError(f"the database takes nothing now ({type(error).__name__})"))

    @app.exception_handler(Exception)
    async def fault(_request: Request, _error: Exception) -> JSONResponse:
        # The web server logs it with its stack; the caller learns nothing of the inside.
        return _problem(SunsweepError("this is our fault, and it is in our log"))


def _problem(error: SunsweepError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    if error.status == 401:
        headers = {"www-authenticate": "Bearer"}
    if (retry_after_s := error.fields.get("retry_after_s")) is not None:
        headers = {"retry-after": str(retry_after_s)}
    return JSONResponse(error.problem(), error.status, headers=headers, media_type=PROBLEM_TYPE)
