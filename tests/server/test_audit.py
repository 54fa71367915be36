"""The audit log: every writing route leaves one entry when it has done something, and one when it was refused."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import select

from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import AuditEntry, Machine, User
from sunsweep.server.features.accounts import reset
from sunsweep.server.features.accounts.roles import Role as PersonRole
from sunsweep.server.features.audit.routes import PREFIX, ROUTES
from sunsweep.server.features.commands.lifecycle import State
from sunsweep.server.features.enrolment import service as enrolment
from sunsweep.server.features.requests import SAFE_METHODS
from tests.support import mosquitto
from tests.support.orders import given as given_command
from tests.support.platform import HOST, PASSWORD, Platform, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN, VIEWER, ROOT, BETA = "admin@example.com", "viewer@example.com", "root@example.com", "admin@beta.example"
NEW_PASSWORD = "a horse of another colour"
KEYS_OF_SECRETS = {"access_token", "refresh_token", "mqtt_password", "password", "code", "key", "token", "reset_link"}


class Deed(NamedTuple):
    """How a route is called so that it succeeds; `{…}` is what `Scene` knows. `refused` is how it is not."""

    what: str
    sent: Mapping[str, Any] = {}
    actor: tuple[str, str] = ("user", ADMIN)
    refused: str = "viewer"
    """viewer; stranger: without a login; wrong: with `wrong` instead of what was sent; never."""
    wrong: Mapping[str, Any] = {}
    logged_in: bool = True
    companies: tuple[int, ...] = (1,)
    """Whose entries it leaves; none where it succeeds and does nothing."""


SOMEBODY = ("user", "{email}")
LOGIN = Deed(
    f"user {VIEWER}",
    {"data": {"username": VIEWER, "password": PASSWORD}},
    ("user", VIEWER),
    "wrong",
    {"data": {"username": VIEWER, "password": "battery staple"}},
    logged_in=False,
)

DEEDS: dict[str, Deed] = {
    "POST /auth/token": LOGIN,
    "POST /auth/session": LOGIN,
    "POST /auth/refresh": Deed(
        "user {email}",
        {"json": {"refresh_token": "{refresh}"}},
        SOMEBODY,
        "wrong",
        {"json": {"refresh_token": "guessed"}},
        logged_in=False,
    ),
    "POST /auth/logout": Deed("user {email}", {}, SOMEBODY, "stranger"),
    "POST /auth/password": Deed(
        "user {email}",
        {"json": {"old": PASSWORD, "new": NEW_PASSWORD}},
        SOMEBODY,
        "wrong",
        {"json": {"old": "battery staple", "new": NEW_PASSWORD}},
    ),
    # There is no mail server here.
    "POST /auth/reset": Deed("", {"json": {"email": VIEWER}}, refused="never", logged_in=False, companies=()),
    "POST /auth/reset/confirm": Deed(
        "user {email}",
        {"json": {"token": "{reset}", "password": NEW_PASSWORD}},
        SOMEBODY,
        "wrong",
        {"json": {"token": "guessed", "password": NEW_PASSWORD}},
        logged_in=False,
    ),
    "POST /companies": Deed("company 3", {"json": {"name": "Gamma"}}, ("user", ROOT), companies=(3,)),
    "PATCH /companies/{company_id}": Deed("company {company_id}", {"json": {"name": "Alpha & Co"}}, ("user", ROOT)),
    "POST /users": Deed("user {fresh}@example.com", {"json": {"email": "{fresh}@example.com", "role": "viewer"}}),
    "PATCH /users/{user_id}": Deed("user {email}", {"json": {"role": "operator"}}),
    "POST /users/{user_id}/reset-link": Deed("user {email}"),
    "POST /api-keys": Deed("key 1", {"json": {"name": "Grafana", "role": "viewer", "expires_in_days": 9}}),
    "DELETE /api-keys/{key_id}": Deed("key {key_id}"),
    "POST /machines": Deed("machine {fresh}", {"json": {"machine_id": "{fresh}", "name": "Row 7"}}),
    "PATCH /machines/{machine_id}": Deed("machine {machine_id}", {"json": {"name": "Row 8", "tags": ["new"]}}),
    "DELETE /machines/{machine_id}": Deed("machine {machine_id}"),
    "POST /machines/{machine_id}/move": Deed(
        "machine {machine_id}",
        {"json": {"company_id": 2}, "params": {"company_id": 1}},
        ("user", ROOT),
        companies=(1, 2),
    ),
    "POST /machines/{machine_id}/credentials": Deed("machine {machine_id}"),
    "POST /machines/{machine_id}/enrolment-code": Deed("machine {machine_id}"),
    "POST /enrol": Deed(
        "machine {machine_id}",
        {"json": {"code": "{code}"}},
        ("machine", "{machine_id}"),
        "wrong",
        {"json": {"code": "K7M2P-9QRT4-XYWVN"}},
        logged_in=False,
    ),
    "PUT /machine-models/{model}": Deed("machine model {model}", {"json": {"commands": {"polish": {}}}}),
    "DELETE /machine-models/{model}": Deed("machine model {model}"),
    "POST /machines/{machine_id}/commands": Deed("machine {machine_id}", {"json": {"command": "pause"}}),
    "POST /machines/{machine_id}/commands/{command_id}/cancel": Deed("machine {machine_id}"),
    "POST /machines/{machine_id}/commands/{command_id}/close": Deed("machine {machine_id}"),
    # Of one person's refusals in a minute only so many are told.
    "POST /commands": Deed(
        "machines",
        {"json": {"command": "stop_cleaning", "filter": {"machine_ids": ["{machine_id}"]}}},
        refused="stranger",
    ),
    "POST /commands/bulk/{bulk_id}/abort": Deed("bulk {bulk_id}", refused="stranger"),
    "POST /dead-letters/replay": Deed("dead letters", {"json": {"machine_id": "{machine_id}"}}),
    "POST /app/errors": Deed("", {"json": {"message": "Oops"}}, refused="never", logged_in=False, companies=()),
}


class Scene:
    """A machine with a queued command and an enrolment code, of which nothing is in the log."""

    def __init__(self, platform: Platform, number: int) -> None:
        self.platform = platform
        self.words = {
            "machine_id": f"AUDIT-{number}",
            "fresh": f"fresh-{number}",
            "email": f"person-{number}@example.com",
            "company_id": "1",
            "model": f"model-{number}",
        }
        self.secrets = {PASSWORD, NEW_PASSWORD, "battery staple", platform.settings.secret_key.get_secret_value()}

    async def set(self, deed: str) -> None:
        """Make what the deed's words name."""
        if "user {email}" in deed:
            await self._a_person()
        if "{key_id}" in deed:
            wish = {"name": "Program", "role": "viewer", "expires_in_days": 1}
            made = (await self.platform.call("POST", "/api-keys", json=wish)).json()
            self.words["key_id"] = str(made["key_id"])
            self.secrets.add(made["key"])
        if "{machine_id}" in deed or "{bulk_id}" in deed:
            await self._a_machine(deed)
        if "{bulk_id}" in deed:
            self.words["bulk_id"] = await self._a_bulk_run()
        if "{model}" in deed:
            await self.platform.call("PUT", f"/machine-models/{self.words['model']}", json={"commands": {}})

    async def _a_person(self) -> None:
        email = self.words["email"]
        await self.platform.add_user(email, PersonRole.VIEWER)
        async with self.platform.web(PREFIX) as client:
            login = (await client.post("/auth/token", data={"username": email, "password": PASSWORD})).json()
        async with self.platform.database.write() as session:
            user = await session.scalar(select(User).where(User.email == email))
            assert user is not None
            link = await reset.make_link(session, user, "", life_s=60, now_ms=wall_clock())
        self.words |= {"user_id": str(user.id), "refresh": login["refresh_token"], "reset": link.url.partition("=")[2]}
        self.secrets |= {self.words["refresh"], self.words["reset"]}

    async def _a_machine(self, deed: str) -> None:
        login = await self.platform.add_machine(self.words["machine_id"])
        self.secrets.add(login.mqtt_password)
        if "{command_id}" in deed:
            path = f"/machines/{login.machine_id}/commands"
            given = await self.platform.call("POST", path, json={"command": "pause"}, as_="operator@example.com")
            self.words["command_id"] = given.json()["id"]
        if "/close" in deed:
            self.words["command_id"] = await given_command(
                self.platform, login.machine_id, "stop_cleaning", State.RUNNING
            )
        async with self.platform.database.write() as session:
            machine = await session.scalar(select(Machine).where(Machine.serial == login.machine_id))
            assert machine is not None
            issued = await enrolment.issue(session, machine, now_ms=wall_clock())
        self.words["code"] = issued.code
        self.secrets.add(issued.code)

    async def _a_bulk_run(self) -> str:
        wish = {"command": "pause", "filter": {"machine_ids": [self.words["machine_id"]]}}
        asked = (await self.platform.call("POST", "/commands", json=wish | {"dry_run": True})).json()
        answer = await self.platform.call("POST", "/commands", json=wish | {"confirmation": asked["confirmation"]})
        bulk_id: str = answer.raise_for_status().json()["id"]
        return bulk_id

    def fill(self, given: Any) -> Any:
        text = json.dumps(given)
        for name, value in self.words.items():
            text = text.replace(f"{{{name}}}", value)
        return json.loads(text)

    async def send(self, route: str, sent: Mapping[str, Any], *, as_: str | None) -> httpx.Response:
        method, _, path = self.fill(route).partition(" ")
        headers = {}
        if as_ is not None:
            token = await self.platform.token(as_)
            self.secrets.add(token)
            headers = {"authorization": f"Bearer {token}"}
        async with self.platform.web(PREFIX, headers=headers) as client:
            answer = await client.request(method, path, **self.fill(sent))
        self.secrets.update(secrets_in(answer))
        return answer


def secrets_in(answer: httpx.Response) -> Iterator[str]:
    """Whatever the answer tells this once."""
    yield from answer.cookies.values()
    if answer.is_success and answer.content:
        told = answer.json() or {}
        yield from (told[name] for name in KEYS_OF_SECRETS & told.keys() if told[name])


async def newest(platform: Platform, *people: str) -> int:
    """The newest entry, with these people logged in before it."""
    for email in people:
        await platform.token(email)
    async with platform.database.read() as session:
        return await session.scalar(select(AuditEntry.id).order_by(AuditEntry.id.desc()).limit(1)) or 0


async def since(platform: Platform, before: int) -> list[AuditEntry]:
    async with platform.database.read() as session:
        query = select(AuditEntry).where(AuditEntry.id > before).order_by(AuditEntry.id)
        return list(await session.scalars(query))


def hold_no_secret(entries: list[AuditEntry], secrets: set[str]) -> None:
    for entry in entries:
        told = f"{entry.actor} {entry.object} {entry.detail} {entry.address}"
        assert not [secret for secret in secrets if secret in told], told


@pytest.fixture(scope="module")
def module_url(module_folder: Path) -> str:
    """SQLite alone: what differs by database is in test_audit_log.py."""
    return f"sqlite+aiosqlite:///{module_folder / 'sunsweep.db'}"


async def test_every_writing_route_is_here_and_has_its_action(shared: Platform) -> None:
    async with shared.web() as web:
        paths = (await web.get("/openapi.json")).json()["paths"]
    found = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    writing = {route for route in found if not route.startswith(SAFE_METHODS)}
    assert {route.replace(PREFIX, "", 1) for route in writing} == set(DEEDS) == set(ROUTES)


@pytest.mark.parametrize("route", DEEDS)
async def test_what_is_done_and_what_is_refused_leave_one_entry_each(shared: Platform, route: str) -> None:
    deed, scene = DEEDS[route], Scene(shared, list(DEEDS).index(route))
    await scene.set(f"{route} {deed}")
    doer = scene.fill(deed.actor[1])
    before = await newest(shared, VIEWER, *((doer,) if deed.logged_in else ()))
    as_ = {"viewer": VIEWER, "wrong": doer if deed.logged_in else None}.get(deed.refused)
    if deed.refused != "never":
        answer = await scene.send(route, deed.wrong or deed.sent, as_=as_)
        assert answer.status_code in (401, 403, 404), answer.text
        entries = await since(shared, before)
        (entry,) = entries
        assert (entry.action, entry.outcome, entry.address) == (ROUTES[route], "refused", HOST)
        assert json.loads(entry.detail) == {"status": answer.status_code, "code": answer.json()["code"]}
        if as_ is not None:
            assert (entry.actor_kind, entry.actor, entry.company_id) == ("user", as_, 1)
        else:
            assert (entry.actor_kind, entry.actor_id) == ("nobody", None)
        hold_no_secret(entries, scene.secrets | {"K7M2P-9QRT4-XYWVN", "guessed"})

    before, now_ms = await newest(shared), wall_clock()
    answer = await scene.send(route, deed.sent, as_=doer if deed.logged_in else None)
    assert answer.is_success, answer.text
    entries = await since(shared, before)
    assert tuple(entry.company_id for entry in entries) == deed.companies
    for entry in entries:
        is_told(entry, ROUTES[route], scene.fill(deed.what), (deed.actor[0], doer), now_ms)
    hold_no_secret(entries, scene.secrets)


def is_told(entry: AuditEntry, action: str, what: str, actor: tuple[str, str], since_ms: int) -> None:
    assert (entry.action, entry.outcome, entry.address) == (action, "done", HOST)
    assert (entry.object, entry.actor_kind, entry.actor) == (what, *actor)
    assert entry.actor_id is not None
    assert since_ms <= entry.at <= wall_clock()


async def test_a_machine_s_first_login_and_the_end_of_the_one_before_are_told(shared: Platform) -> None:
    old = await shared.add_machine("USED-1")
    new = (await shared.call("POST", "/machines/USED-1/credentials")).json()
    before = await newest(shared)
    who = {"username": new["mqtt_username"], "password": new["mqtt_password"]}
    await mosquitto.publish(shared.mqtt_port, "company/1/machine/USED-1/telemetry", "{}", "-q", "1", **who)

    async def told() -> list[tuple[str, ...]]:
        found = [entry for entry in await since(shared, before) if entry.object == "machine USED-1"]
        return [(e.action, e.actor_kind, json.loads(e.detail)["mqtt_username"]) for e in found]

    assert await eventually(told) == [
        ("machine.login_used", "machine", new["mqtt_username"]),
        ("machine.login_ended", "nobody", old.mqtt_username),
    ]


async def test_a_change_tells_the_old_and_the_new_value(shared: Platform) -> None:
    await shared.add_machine("CHANGED-1")
    before = await newest(shared, ADMIN)
    wish = {"name": "Row 1", "enabled": False, "model": ""}
    assert (await shared.call("PATCH", "/machines/CHANGED-1", json=wish)).is_success
    (entry,) = await since(shared, before)
    assert json.loads(entry.detail) == {"name": ["", "Row 1"], "enabled": [True, False]}


async def test_what_fails_is_not_told_as_done(shared: Platform) -> None:
    before = await newest(shared, ADMIN)
    assert (await shared.call("POST", "/machines", json={"machine_id": "TWICE-1"})).status_code == 201
    assert (await shared.call("POST", "/machines", json={"machine_id": "TWICE-1"})).status_code == 409
    told = [(entry.outcome, entry.object, entry.company_id) for entry in await since(shared, before)]
    assert told == [("done", "machine TWICE-1", 1), ("refused", "machine TWICE-1", 1)]


async def test_a_command_given_twice_under_one_key_is_given_once(shared: Platform) -> None:
    await shared.add_machine("TWICE-2")
    before = await newest(shared, ADMIN)
    for _ in range(2):
        key = {"idempotency-key": "once"}
        answer = await shared.call("POST", "/machines/TWICE-2/commands", json={"command": "pause"}, headers=key)
        assert answer.status_code == 202
    assert len(await since(shared, before)) == 1


async def test_who_reaches_for_another_company_s_machine_is_seen_by_their_own_admin(shared: Platform) -> None:
    await shared.add_machine("OURS-1")
    before = await newest(shared, BETA)
    assert (await shared.call("PATCH", "/machines/OURS-1", json={"name": "x"}, as_=BETA)).status_code == 404
    (entry,) = await since(shared, before)
    assert (entry.actor, entry.object, entry.company_id, entry.outcome) == (BETA, "machine OURS-1", 2, "refused")
    assert "OURS-1" in json.dumps(await shared.get("/audit", as_=BETA))


async def test_what_the_platform_admin_is_refused_is_the_company_s_to_know(shared: Platform) -> None:
    before = await newest(shared, ROOT)
    where = "/machines/NOWHERE-1?company_id=2"
    assert (await shared.call("DELETE", where, as_=ROOT)).status_code == 404
    for company_id in (2, 2):
        body = {"machine_id": "ROOTED-1", "company_id": company_id}
        await shared.call("POST", "/machines", json=body, as_=ROOT)
    assert [entry.company_id for entry in await since(shared, before)] == [2, 2, 2]


async def test_failed_logins_are_for_the_company_whose_user_it_is(shared: Platform) -> None:
    before = await newest(shared)
    async with shared.web(PREFIX) as client:
        for tried in ("Viewer@Example.com", "ghost@example.com", "correct horse battery"):
            answer = await client.post("/auth/token", data={"username": tried, "password": "no"})
            assert answer.status_code == 401
    told = [(entry.actor, entry.object, entry.company_id) for entry in await since(shared, before)]
    # The last one has typed a password where the address belongs.
    assert told == [
        ("viewer@example.com", "user viewer@example.com", 1),
        ("ghost@example.com", "user ghost@example.com", None),
        ("", "", None),
    ]


async def test_reading_leaves_nothing(shared: Platform) -> None:
    before = await newest(shared, ADMIN, VIEWER)
    assert (await shared.call("GET", "/machines")).status_code == 200
    assert (await shared.call("GET", "/machines/NOWHERE-1")).status_code == 404
    assert (await shared.call("GET", "/audit", as_=VIEWER)).status_code == 403
    assert (await shared.call("PATCH", "/machines/NOWHERE-1", json={"name": 7})).status_code == 422
    assert await since(shared, before) == []


async def test_a_company_s_admin_reads_their_own_company_s_entries_and_no_others(shared: Platform) -> None:
    for admin, serial in ((ADMIN, "MINE-1"), (BETA, "MINE-2")):
        assert (await shared.call("POST", "/machines", json={"machine_id": serial}, as_=admin)).status_code == 201
    for admin, company_id in ((ADMIN, 1), (BETA, 2)):
        items = (await shared.get("/audit?limit=500", as_=admin))["items"]
        assert {item["company_id"] for item in items} == {company_id}
        assert (await shared.call("GET", f"/audit?company_id={3 - company_id}", as_=admin)).status_code == 404
    for nobody in ("operator@example.com", VIEWER):
        assert (await shared.call("GET", "/audit", as_=nobody)).status_code == 403
    named = await shared.get("/audit?company_id=2&limit=500", as_=ROOT)
    assert {item["company_id"] for item in named["items"]} == {2}
    for item in (await shared.get("/audit?limit=500", as_=ROOT))["items"]:
        assert item["company_id"] is None


async def test_a_login_that_the_broker_refuses_is_the_platform_admin_s_to_know(shared: Platform) -> None:
    before = await newest(shared)
    who = {"username": "m-nobody", "password": "wrong"}
    await mosquitto.publish(shared.mqtt_port, "company/1/machine/X/telemetry", "{}", "-q", "1", **who)

    async def told() -> list[AuditEntry]:
        return [entry for entry in await since(shared, before) if entry.action == "broker.login"]

    (entry,) = await eventually(told)
    assert (entry.actor_kind, entry.address, entry.outcome, entry.company_id) == ("nobody", HOST, "refused", None)
    items = (await shared.get("/audit?action=broker.login", as_=ROOT))["items"]
    assert entry.id in [item["id"] for item in items]
