"""Who may do what: every REST route and every WebSocket, as everybody, with what is theirs, another's and nobody's.

The table says what no machine can know: which role a route asks for at least. All else is derived. A new route has no
line in the table, and fails.
"""

import json
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from enum import Enum
from itertools import count
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import ColumnElement, select, true

from sunsweep.server import door
from sunsweep.server.api import bare_app
from sunsweep.server.db import tenancy
from sunsweep.server.db.models import DeadLetter, Machine
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.deadletters import repository as deadletters
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.settings import Role as ProcessRole
from tests.support.tenant_check import violations_in
from tests.support.tenants import ELSEWHERE, MARKS, NOBODYS, OURS, THEIRS, Caller, Tenants, Things, running_tenants

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1: Final = "/api/v1"
RANKS: Final = (Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.PLATFORM_ADMIN)
_NUMBERS: Final = count()


class Route(NamedTuple):
    """`least` is the role that it asks for, None where it asks for no login; `ok` is its answer to who may.

    `unnamed` is what a platform admin is told who names no company. `person`: no API key may. `makes`: what is not
    there is made, so that nothing can be told of others' things by their names.
    """

    least: Role | None
    ok: int = 200
    body: Callable[[], Any] | None = None
    unnamed: int = 422
    ends_login: bool = False
    person: bool = False
    makes: bool = False
    query: Mapping[str, str] = MappingProxyType({})


def new_machine() -> dict[str, Any]:
    return {"machine_id": f"MADE-{next(_NUMBERS)}"}


def new_user() -> dict[str, Any]:
    return {"email": f"made-{next(_NUMBERS)}@example.com", "role": "viewer", "company_id": OURS}


def new_key() -> dict[str, Any]:
    return {"name": "made", "role": "viewer", "expires_in_days": 1}


POLICY: Final[Mapping[str, Route]] = {
    "POST /auth/token": Route(None, 422, dict),
    "POST /auth/session": Route(None, 422, dict),
    "POST /auth/refresh": Route(None, 422, dict),
    "POST /auth/logout": Route(Role.VIEWER, 204, ends_login=True, person=True),
    "POST /auth/password": Route(Role.VIEWER, 422, dict, person=True),
    "POST /auth/reset": Route(None, 422, dict),
    "POST /auth/reset/confirm": Route(None, 422, dict),
    "GET /companies": Route(Role.VIEWER),
    "POST /companies": Route(Role.PLATFORM_ADMIN, 201, lambda: {"name": f"made {next(_NUMBERS)}"}),
    "GET /companies/{company_id}": Route(Role.VIEWER),
    "PATCH /companies/{company_id}": Route(Role.ADMIN, 200, lambda: {"command_life_s": 600}),
    "GET /users": Route(Role.ADMIN, unnamed=200),
    "POST /users": Route(Role.ADMIN, 201, new_user, person=True),
    "GET /users/{user_id}": Route(Role.ADMIN),
    "PATCH /users/{user_id}": Route(Role.ADMIN, 200, lambda: {"disabled": True}, person=True),
    "POST /users/{user_id}/reset-link": Route(Role.ADMIN, 201, person=True),
    "GET /api-keys": Route(Role.ADMIN),
    "POST /api-keys": Route(Role.ADMIN, 201, new_key, person=True),
    "DELETE /api-keys/{key_id}": Route(Role.ADMIN, 204, person=True),
    # What was refused names what was asked for, whosever it is.
    "GET /audit": Route(Role.ADMIN, unnamed=200, query={"outcome": "done"}),
    "GET /me": Route(Role.VIEWER),
    "GET /machines": Route(Role.VIEWER),
    "POST /machines": Route(Role.ADMIN, 201, new_machine),
    "GET /machines/{machine_id}": Route(Role.VIEWER),
    "PATCH /machines/{machine_id}": Route(Role.ADMIN, 200, lambda: {"name": "taken"}),
    "DELETE /machines/{machine_id}": Route(Role.ADMIN, 204),
    "POST /machines/{machine_id}/credentials": Route(Role.ADMIN, 201),
    "POST /machines/{machine_id}/move": Route(Role.PLATFORM_ADMIN, 201, lambda: {"company_id": ELSEWHERE}),
    "GET /machines/{machine_id}/status": Route(Role.VIEWER),
    "POST /machines/{machine_id}/enrolment-code": Route(Role.ADMIN, 201),
    "POST /enrol": Route(None, 422, dict),
    "GET /machines/{machine_id}/telemetry": Route(Role.VIEWER),
    "GET /machines/{machine_id}/status/history": Route(Role.VIEWER),
    "GET /machines/{machine_id}/telemetry.csv": Route(Role.VIEWER),
    "GET /machines/{machine_id}/telemetry.parquet": Route(Role.VIEWER),
    "GET /machines/{machine_id}/catalogue": Route(Role.VIEWER),
    "GET /machine-models": Route(Role.VIEWER),
    "GET /machine-models/{model}": Route(Role.VIEWER),
    "PUT /machine-models/{model}": Route(Role.ADMIN, 200, lambda: {"commands": {}}, makes=True),
    "DELETE /machine-models/{model}": Route(Role.ADMIN, 204),
    "POST /machines/{machine_id}/commands": Route(Role.OPERATOR, 202, lambda: {"command": "pause"}),
    "GET /machines/{machine_id}/commands": Route(Role.VIEWER),
    "GET /machines/{machine_id}/commands/{command_id}": Route(Role.VIEWER),
    "POST /machines/{machine_id}/commands/{command_id}/cancel": Route(Role.OPERATOR),
    # It is a start that still waits.
    "POST /machines/{machine_id}/commands/{command_id}/close": Route(Role.OPERATOR, 409),
    "GET /commands": Route(Role.VIEWER),
    "POST /commands": Route(Role.OPERATOR, 202, lambda: {"command": "stop_cleaning", "filter": {"all": True}}),
    "GET /commands/bulk": Route(Role.VIEWER),
    "GET /commands/bulk/{bulk_id}": Route(Role.VIEWER),
    "GET /commands/bulk/{bulk_id}/machines": Route(Role.VIEWER),
    "POST /commands/bulk/{bulk_id}/abort": Route(Role.OPERATOR),
    "GET /dead-letters": Route(Role.ADMIN, unnamed=200),
    "POST /dead-letters/replay": Route(Role.ADMIN, 202, dict, unnamed=202),
    "GET /machines/{machine_id}/ledger": Route(Role.VIEWER),
    "POST /app/errors": Route(None, 422, dict),
}
SOCKETS: Final[Mapping[str, Role | None]] = {
    "/realtime": Role.VIEWER,
    "/realtime/{machine_id}": Role.VIEWER,
    "/mqtt": None,
}
"""None: the broker behind it asks for a login of its own."""

OPEN_PAGES: Final = {
    "/", "/app", "/app/{path:path}", "/asyncapi.json", "/docs", "/docs/oauth2-redirect",
    "/healthz", "/metrics", "/openapi.json", "/readyz", "/redoc", "/static-offline-docs",
}  # fmt: skip
"""They tell nothing of any company."""


class Case(Enum):
    """Whose things are asked for, and the company that is named."""

    OWN = (OURS, None)
    OWN_NAMED = (OURS, OURS)
    OTHER = (THEIRS, None)
    OTHER_NAMED = (THEIRS, THEIRS)
    NOBODY = (NOBODYS, None)


class Operation(NamedTuple):
    """A route of the OpenAPI document."""

    name: str
    feature: str
    takes_company: bool
    body_names_company: bool
    documented: frozenset[str]

    @property
    def has_things(self) -> bool:
        return "{" in self.name

    @property
    def writes(self) -> bool:
        return not self.name.startswith("GET ")


class Answer(NamedTuple):
    status: int
    text: str


def operations(app: FastAPI) -> dict[str, Operation]:
    found = {}
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path.removeprefix(V1)}"
            asked = {found["name"] for found in operation.get("parameters", ()) if found["in"] == "query"}
            if path.startswith(V1):
                statuses = frozenset(operation["responses"])
                found[name] = Operation(
                    name,
                    operation["tags"][0],
                    "company_id" in asked,
                    "company_id" in body_fields(app, operation),
                    statuses,
                )
    return found


def body_fields(app: FastAPI, operation: Any) -> Any:
    content = operation.get("requestBody", {}).get("content", {})
    name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    return app.openapi()["components"]["schemas"].get(name, {}).get("properties", {})


APP: Final = bare_app(roles=frozenset(ProcessRole))
APP.include_router(door.router)
OPERATIONS: Final = operations(APP)
FEATURES: Final = {found.feature for found in OPERATIONS.values() if found.takes_company or found.has_things}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenants(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tenants]:
    folder = tmp_path_factory.mktemp("tenants")
    async with running_tenants(f"sqlite+aiosqlite:///{folder / 'sunsweep.db'}", folder) as running:
        yield running


def cases(operation: Operation, caller: Caller) -> Iterator[tuple[Case, int | None]]:
    """What is worth asking, each with the company that is named."""
    if caller.role is None:
        yield Case.OWN, None
        return
    for case in Case:
        _, named = case.value
        if named is not None and not operation.takes_company:
            continue
        if case in (Case.OTHER, Case.NOBODY) and (not operation.has_things or POLICY[operation.name].makes):
            continue
        # A platform admin names a company or is asked to.
        yield case, OURS if caller.is_platform_admin and operation.takes_company and named is None else named


def expected(route: Route, operation: Operation, caller: Caller, case: Case) -> int:
    """The exact status."""
    if route.least is None:
        return route.ok
    if caller.role is None:
        return 401
    if RANKS.index(caller.role) < RANKS.index(route.least) or (route.person and caller.is_key):
        return 403
    if caller.is_platform_admin:
        gone = case is Case.NOBODY or (case is Case.OTHER and operation.takes_company)
    else:
        gone = case not in (Case.OWN, Case.OWN_NAMED)
    return 404 if gone else route.ok


async def ask(tenants: Tenants, operation: Operation, caller: Caller, things: Things, named: int | None) -> Answer:
    route = POLICY[operation.name]
    method, path = operation.name.split()
    query = dict(route.query) if named is None else {**route.query, "company_id": str(named)}
    body = None if route.body is None else route.body()
    answer = await tenants.web.request(
        method, V1 + path.format_map(things), params=query, json=body, headers=caller.headers
    )
    if route.ends_login and caller.role is not None and not caller.is_key:
        await tenants.log_in_again(caller)
    return Answer(answer.status_code, answer.text)


async def wrong(
    tenants: Tenants, operation: Operation, caller: Caller, asked: Collection[Case] = tuple(Case)
) -> list[str]:
    """What differs from the table, or tells of another company."""
    found = []
    answers: dict[Case, Answer] = {}
    for case, named in cases(operation, caller):
        if case not in asked:
            continue
        owner, _ = case.value
        things = await tenants.make(owner) if operation.writes and operation.has_things else tenants.things[owner]
        answer = await ask(tenants, operation, caller, things, named)
        answers[case] = without(answer, things) if answer.status >= 400 else answer
        row = f"{operation.name} as {caller.name}, {case.name.lower()}: "
        right = expected(POLICY[operation.name], operation, caller, case)
        if answer.status != right:
            found.append(f"{row}{answer.status}, not {right}")
        if str(answer.status) not in operation.documented:
            found.append(f"{row}{answer.status} is not in the OpenAPI document")
        hidden = {OURS, THEIRS} - {owner if caller.is_platform_admin and right != 404 else OURS}
        if caller.is_platform_admin and not (operation.takes_company or operation.has_things):
            hidden = set()
        found += [f"{row}tells of company {other}" for other in hidden if MARKS[other] in answers[case].text]
    if not caller.is_platform_admin and answers.get(Case.OTHER) != answers.get(Case.NOBODY):
        found.append(f"{operation.name} as {caller.name}: what is another's does not answer as if it did not exist")
    return found


def without(answer: Answer, things: Things) -> Answer:
    """What was asked for comes back in the words of a refusal."""
    problem = json.loads(answer.text)
    for thing in things.values():
        problem["detail"] = re.sub(rf"\b{re.escape(thing)}\b", "", problem["detail"])
    return Answer(answer.status, json.dumps(problem))


async def test_every_route_is_in_the_table() -> None:
    assert set(POLICY) == set(OPERATIONS)


async def test_every_page_and_socket_is_known() -> None:
    paths = {route.path or "" for route in iter_route_contexts(APP.routes)}
    others = {path for path in paths if not path.startswith(V1)}
    assert others - OPEN_PAGES == set(SOCKETS)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_route_answers_everybody_as_the_table_says(tenants: Tenants, name: str) -> None:
    found: list[str] = []
    for caller in list(tenants.callers):
        found += await wrong(tenants, OPERATIONS[name], caller)
    assert found == []


async def test_a_platform_admin_is_asked_for_the_company(tenants: Tenants) -> None:
    root = tenants.caller("root@example.com")
    told = {}
    for name, operation in OPERATIONS.items():
        if operation.takes_company and POLICY[name].least is not None:
            told[name] = (await ask(tenants, operation, root, tenants.things[OURS], None)).status
    assert told == {name: POLICY[name].unnamed for name in told}


async def test_no_body_reaches_into_another_company(tenants: Tenants) -> None:
    naming = {name for name, operation in OPERATIONS.items() if operation.body_names_company}
    bodies = {name: POLICY[name].body for name in naming if POLICY[name].least is not Role.PLATFORM_ADMIN}
    assert {"POST /machines", "POST /users"} == set(bodies)
    for name, body in bodies.items():
        method, path = name.split()
        wish = {**(body() if body else {}), "company_id": THEIRS}
        url = V1 + path.format_map(tenants.things[OURS])
        answer = await tenants.web.request(method, url, json=wish, headers=tenants.caller("admin@example.com").headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), name


async def wrong_sockets(tenants: Tenants, caller: Caller) -> list[str]:
    found = []
    for path in (path for path, least in SOCKETS.items() if least is not None):
        for case in Case:
            owner, named = case.value
            if "{" not in path and case in (Case.OTHER, Case.NOBODY):
                continue
            if caller.is_platform_admin and named is None:
                named = OURS
            address = path.format_map(tenants.things[owner]) + (f"?company_id={named}" if named else "")
            code = await tenants.close_code(address, caller)
            mine = case in (Case.OWN, Case.OWN_NAMED) or (caller.is_platform_admin and case is Case.OTHER_NAMED)
            right = 4401 if caller.role is None else 0 if mine else 4403
            if code != right:
                found.append(f"{address} as {caller.name}: {code}, not {right}")
    return found


async def test_a_socket_answers_everybody_as_the_table_says(tenants: Tenants) -> None:
    found: list[str] = []
    for caller in tenants.callers:
        found += await wrong_sockets(tenants, caller)
    assert found == []
    root = tenants.caller("root@example.com")
    assert await tenants.close_code(f"/realtime/{tenants.things[OURS]['machine_id']}", root) == 1008


async def red(tenants: Tenants) -> dict[str, list[str]]:
    """Feature -> what of it is wrong, as the admin of a company finds it: lists, and what others have."""
    admin = tenants.caller("admin@example.com")
    found: dict[str, list[str]] = {"live": await wrong_sockets(tenants, admin)}
    for operation in OPERATIONS.values():
        if operation.takes_company or operation.has_things:
            asked = (Case.OTHER, Case.NOBODY) if operation.has_things else (Case.OWN,)
            found.setdefault(operation.feature, []).extend(await wrong(tenants, operation, admin, asked))
    return {feature: rows for feature, rows in found.items() if rows}


AROUND_MACHINES: Final = """
async def machine(session, company_id, serial, *, lock=False):
    return await session.scalar(select(Machine).where(Machine.serial == serial, Machine.archived_at.is_(None)))
"""
OF_MACHINES: Final = {"machines", "history", "catalogue", "commands", "ledger", "enrolment", "live", "audit"}
"""The audit log, because it holds what was then done to another's machine."""

AROUND_LETTERS: Final = """
async def page(session, which, *, before, limit):
    return (await session.scalars(select(DeadLetter).order_by(DeadLetter.id.desc()).limit(limit))).all()
"""


@pytest.mark.parametrize(
    ("repository", "name", "source", "features"),
    [
        (deadletters, "page", AROUND_LETTERS, {"dead letters"}),
        (machines, "machine", AROUND_MACHINES, OF_MACHINES),
    ],
    ids=["dead letters", "machines"],
)
async def test_a_repository_that_goes_around_the_filter_is_red(
    tenants: Tenants,
    monkeypatch: pytest.MonkeyPatch,
    repository: Any,
    name: str,
    source: str,
    features: set[str],
) -> None:
    assert violations_in(source, "repository.py")
    made: dict[str, Any] = {
        "select": select,
        "Machine": Machine,
        "DeadLetter": DeadLetter,
    }
    exec(source, made)
    monkeypatch.setattr(repository, name, made[name])
    assert set(await red(tenants)) == features


# The last one: it leaves in each company's log what was done to another's things.
async def test_without_the_tenant_filter_every_feature_is_red(
    tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything(*_: object) -> ColumnElement[bool]:
        return true()

    monkeypatch.setattr(tenancy, "_is_of", everything)
    found = await red(tenants)
    assert set(found) == FEATURES | {"live"}, found
