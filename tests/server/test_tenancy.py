"""One tenant never sees another: every route of the application, those of tomorrow included, as company 2 meets it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support import mosquitto
from tests.support.platform import HOST, Platform, eventually, topic

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOREIGN = "FOREIGN-1"
COMMAND = "018f0000-0000-7000-8000-000000000000"
FOR_THE_PLATFORM = {"POST /api/v1/machines/{machine_id}/move"}
BODIES: dict[str, Any] = {
    "POST /api/v1/machines/{machine_id}/commands": {"command": "pause"},
    "PATCH /api/v1/machines/{machine_id}": {"name": "taken"},
}


async def operations(platform: Platform, *, bound: bool) -> list[tuple[str, str]]:
    """(method, path) of every documented route under /api/v1, those bound to a machine or the others."""
    async with platform.web() as web:
        paths = (await web.get("/openapi.json")).json()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    return [(m, p) for m, p in found if p.startswith("/api/v1/") and ("{machine_id}" in p) is bound]


def filled(path: str, serial: str, command_id: str) -> str:
    known = {"{machine_id}": serial, "{command_id}": command_id}
    for name, value in known.items():
        path = path.replace(name, value)
    assert "{" not in path, f"say here what stands for the parameter of {path}"
    return path.removeprefix("/api/v1")


async def foreign_machine(platform: Platform) -> str:
    """A machine of company 1 with history and a command; the command's id."""
    if (await platform.call("GET", f"/machines/{FOREIGN}")).status_code == 404:
        login = await platform.add_machine(FOREIGN, 1)
        who = {"username": login.mqtt_username, "password": login.mqtt_password}
        await mosquitto.publish(platform.mqtt_port, topic(login, "telemetry"), '{"battery":13}', "-q", "1", **who)
        await eventually(lambda: platform.telemetry(FOREIGN))
        await platform.call("POST", f"/machines/{FOREIGN}/commands", json={"command": "pause"})
    listed = await platform.get(f"/machines/{FOREIGN}/commands")
    found: str = listed["items"][-1]["id"]
    return found


def ways(path: str) -> Iterator[str]:
    """Asked plainly, and with either company named."""
    yield path
    yield f"{path}?company_id=1"
    yield f"{path}?company_id=2"


async def test_there_are_routes_to_ask(shared: Platform) -> None:
    assert len(await operations(shared, bound=True)) >= 11


@pytest.mark.parametrize("who", ["admin@beta.example", "viewer@beta.example"])
async def test_another_company_s_machine_is_not_there(shared: Platform, who: str) -> None:
    command_id = await foreign_machine(shared)
    for method, path in await operations(shared, bound=True):
        for asked in ways(filled(path, FOREIGN, command_id)):
            answer = await shared.call(method, asked, as_=who, json=BODIES.get(f"{method} {path}"))
            reading = method == "GET"
            # Who lacks the role is refused first, whosever the machine is: it tells nothing of the machine.
            theirs = who.startswith("admin") and f"{method} {path}" not in FOR_THE_PLATFORM
            may = {404} if reading or theirs else {403, 404}
            assert answer.status_code in may, (method, asked, answer.text)
    kept = await shared.get(f"/machines/{FOREIGN}")
    assert (kept["name"], kept["enabled"]) == ("", True)


async def test_the_answer_is_that_of_a_machine_that_does_not_exist(shared: Platform) -> None:
    command_id = await foreign_machine(shared)
    for who in ("admin@beta.example", "viewer@beta.example"):
        for method, path in await operations(shared, bound=True):
            body = BODIES.get(f"{method} {path}")
            there = await shared.call(method, filled(path, FOREIGN, command_id), as_=who, json=body)
            nowhere = await shared.call(method, filled(path, "NOWHERE-1", command_id), as_=who, json=body)
            assert there.status_code == nowhere.status_code, (method, path)
            assert there.text.replace(FOREIGN, "") == nowhere.text.replace("NOWHERE-1", ""), (method, path)


async def test_lists_and_the_rest_hold_nothing_of_another_company(shared: Platform) -> None:
    await foreign_machine(shared)
    for method, path in await operations(shared, bound=False):
        if method != "GET":
            continue
        for asked in ways(filled(path, FOREIGN, COMMAND)):
            answer = await shared.call(method, asked, as_="admin@beta.example")
            assert FOREIGN not in answer.text, asked
            if "company_id=1" in asked and path != "/api/v1/me":
                assert answer.status_code == 404, asked


async def test_nothing_can_be_made_in_another_company(shared: Platform) -> None:
    body = {"machine_id": "CUCKOO-1"}
    answer = await shared.call("POST", "/machines?company_id=1", json=body, as_="admin@beta.example")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await shared.call("GET", "/machines/CUCKOO-1")).status_code == 404


async def test_every_route_but_the_login_needs_one(shared: Platform) -> None:
    open_to_all = {"/api/v1/auth/token", "/api/v1/auth/session", "/api/v1/enrol"}
    async with shared.web() as web:
        for bound in (True, False):
            for method, path in await operations(shared, bound=bound):
                if path not in open_to_all:
                    answer = await web.request(method, f"/api/v1{filled(path, FOREIGN, COMMAND)}")
                    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), path


@pytest.mark.parametrize("query", ["", "&company_id=1", "&company_id=2"])
async def test_another_company_s_live_frames_are_not_there(shared: Platform, query: str) -> None:
    await foreign_machine(shared)
    token = await shared.token("admin@beta.example")
    codes = []
    for serial in (FOREIGN, "NOWHERE-1"):
        url = f"ws://{HOST}:{shared.settings.port}/realtime/{serial}?token={token}{query}"
        async with connect(url, proxy=None) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None
        codes.append((closed.value.rcvd.code, closed.value.rcvd.reason))
    assert codes == [(4403, "not yours")] * 2


async def test_dead_letters_are_for_the_admin_of_their_company(shared: Platform) -> None:
    letters = {}
    for company_id in (1, 2):
        login = await shared.add_machine("GARBLED-1", company_id)
        who = {"username": login.mqtt_username, "password": login.mqtt_password}
        rubbish = f"no json {company_id}"
        await mosquitto.publish(shared.mqtt_port, topic(login, "telemetry"), rubbish, "-q", "1", **who)

    for company_id, admin in ((1, "admin@example.com"), (2, "admin@beta.example")):

        async def found(admin: str = admin) -> Any:
            return (await shared.get("/dead-letters", as_=admin))["items"]

        letters[company_id] = await eventually(found)
    assert {letter["topic"] for letter in letters[1]} == {"company/1/machine/GARBLED-1/telemetry"}
    assert {letter["topic"] for letter in letters[2]} == {"company/2/machine/GARBLED-1/telemetry"}
    assert letters[1][0]["reason"] == "not_json"
    for other in ("operator@example.com", "viewer@example.com"):
        assert (await shared.call("GET", "/dead-letters", as_=other)).status_code == 403
    named = await shared.get("/dead-letters?company_id=2", as_="root@example.com")
    assert [letter["id"] for letter in named["items"]] == [letter["id"] for letter in letters[2]]


async def test_what_belongs_to_nobody_is_the_platform_admin_s(shared: Platform) -> None:
    password = await shared.add_service_account("stray", ("publish", "company/+/machine/+/telemetry"))
    where = "company/9/machine/UNKNOWN-1/telemetry"
    await mosquitto.publish(
        shared.mqtt_port, where, json.dumps({"battery": 13}), "-q", "1", username="stray", password=password
    )

    async def found() -> Any:
        return (await shared.get("/dead-letters", as_="root@example.com"))["items"]

    (letter,) = await eventually(found)
    assert (letter["topic"], letter["reason"]) == (where, "unknown_machine")
    for admin in ("admin@example.com", "admin@beta.example"):
        assert where not in json.dumps(await shared.get("/dead-letters", as_=admin))
