"""Commands over REST: who may give them, what is checked, and their ids."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update

from sunsweep.server.db.models import Company
from sunsweep.server.features.commands import service
from sunsweep.server.features.commands.lifecycle import State, change
from sunsweep.server.features.machines.service import known
from tests.support.platform import Platform, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPERATOR = "operator@example.com"
START: dict[str, Any] = {"command": "start_cleaning", "params": {"speed": 5, "mode": "auto"}}
STOP: dict[str, Any] = {"command": "stop_cleaning", "params": {}}


@pytest_asyncio.fixture(loop_scope="module")
async def anything(shared: Platform) -> AsyncIterator[None]:
    """The company may give commands that no catalogue names."""
    async with shared.database.write() as session:
        await session.execute(update(Company).values(custom_commands=True))
    yield
    async with shared.database.write() as session:
        await session.execute(update(Company).values(custom_commands=False))


async def give(platform: Platform, serial: str, body: Any, key: str | None = None) -> tuple[int, dict[str, Any]]:
    headers = {} if key is None else {"idempotency-key": key}
    answer = await platform.call("POST", f"/machines/{serial}/commands", json=body, as_=OPERATOR, headers=headers)
    return answer.status_code, answer.json()


async def state(platform: Platform, serial: str, command_id: str) -> str:
    found: str = (await platform.get(f"/machines/{serial}/commands/{command_id}"))["state"]
    return found


async def test_a_command_is_queued_and_has_a_life(shared: Platform) -> None:
    await shared.add_machine("LIFE-1")
    status, given = await give(shared, "LIFE-1", START)
    assert (status, given["state"], given["command"], given["params"]) == (
        202,
        "queued",
        START["command"],
        START["params"],
    )
    life = await shared.get(f"/machines/LIFE-1/commands/{given['id']}", as_="viewer@example.com")
    assert life["history"][0]["state"] == "queued"
    assert life["issued_by"] == (await shared.get("/me", as_=OPERATOR))["user_id"]


async def test_viewers_look_and_do_not_command(shared: Platform) -> None:
    await shared.add_machine("VIEW-1")
    _, given = await give(shared, "VIEW-1", START)
    for path in ("", f"/{given['id']}/cancel"):
        answer = await shared.call("POST", f"/machines/VIEW-1/commands{path}", json=START, as_="viewer@example.com")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    listed = await shared.get("/machines/VIEW-1/commands", as_="viewer@example.com")
    assert [command["id"] for command in listed["items"]] == [given["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**START, "params": {"speed": 0}}, "params.speed"),
        ({**START, "params": {"speed": 11}}, "params.speed"),
        ({**START, "params": {"speed": "x"}}, "params.speed"),
        ({**START, "params": {"speed": True}}, "params.speed"),
        ({**START, "params": {"speed": [5]}}, "params.speed"),
        ({**START, "params": {"mode": "fly"}}, "params.mode"),
        ({**START, "params": {"mode": {"a": 1}}}, "params.mode"),
        ({**START, "params": [1]}, "params"),
        ({**START, "params": None}, "params"),
        ({**START, "params": "auto"}, "params"),
        ({**START, "expires_in": 0}, "expires_in"),
        ({**START, "expires_in": 604_801}, "expires_in"),
        ({**START, "expires_in": True}, "expires_in"),
        ({**START, "expires_in": "60"}, "expires_in"),
        ({**START, "speed": 5}, "speed"),
        ({"params": {}}, "command"),
        ({"command": ""}, "command"),
        ({"command": "start cleaning"}, "command"),
        ({"command": "x" * 65}, "command"),
        ({"command": "x\n"}, "command"),
        ({"command": "dance", "params": {"a": "x" * 40_000}}, "params"),
        ({"command": "dance", "params": json.loads('{"a":' * 40 + "1" + "}" * 40)}, "params"),
    ],
)
async def test_what_is_wrong_is_named(shared: Platform, body: Any, field: str) -> None:
    if not (await shared.call("GET", "/machines/CHECK-1")).is_success:
        await shared.add_machine("CHECK-1")
    status, problem = await give(shared, "CHECK-1", body)
    assert (status, problem["code"], problem["field"]) == (422, "invalid", field)


@pytest.mark.parametrize("params", [b'{"a":NaN}', b'{"a":[1e999]}', rb'{"a":"\ud800"}', rb'{"\ud800":1}'])
async def test_what_no_machine_could_read_is_refused(shared: Platform, params: bytes) -> None:
    if not (await shared.call("GET", "/machines/CHECK-1")).is_success:
        await shared.add_machine("CHECK-1")
    body, headers = b'{"command":"dance","params":%s}' % params, {"content-type": "application/json"}
    answer = await shared.call("POST", "/machines/CHECK-1/commands", content=body, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "params"), answer.text


@pytest.mark.usefixtures("anything")
async def test_params_are_kept_to_the_letter(shared: Platform) -> None:
    await shared.add_machine("PARAMS-1")
    params = {"ä": "😀", "big": 12345678901234567890123, "deep": {"list": [1, 2.5, None, True]}, "": ""}
    status, given = await give(shared, "PARAMS-1", {"command": "dance", "params": params})
    assert (status, given["params"]) == (202, params)


async def test_an_unknown_machine_gets_no_command(shared: Platform) -> None:
    status, problem = await give(shared, "NOWHERE", START)
    assert (status, problem["code"]) == (404, "not_found")


async def test_a_disabled_machine_gets_no_command(shared: Platform) -> None:
    await shared.add_machine("IDLE-1")
    await shared.call("PATCH", "/machines/IDLE-1", json={"enabled": False})
    status, problem = await give(shared, "IDLE-1", START)
    assert (status, problem["code"]) == (409, "machine_disabled")


async def test_a_repeated_key_is_the_same_command(shared: Platform) -> None:
    await shared.add_machine("KEY-1")
    await shared.add_machine("KEY-2")
    first, again = await give(shared, "KEY-1", START, "k-1"), await give(shared, "KEY-1", START, "k-1")
    assert (first[0], again[0], again[1]["id"]) == (202, 202, first[1]["id"])
    others = [{**START, "params": {"speed": 6}}, STOP, {**START, "expires_in": 60}]
    assert [(await give(shared, "KEY-1", other, "k-1"))[0] for other in others] == [409, 409, 409]
    assert (await give(shared, "KEY-1", {**START, "expires_in": 1800}, "k-1"))[0] == 202, "the default, said aloud"
    elsewhere = await give(shared, "KEY-2", START, "k-1")
    assert elsewhere[1]["id"] != first[1]["id"], "a key is the machine's own"
    assert len((await shared.get("/machines/KEY-1/commands"))["items"]) == 1


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 65])
async def test_what_is_no_key_is_named(shared: Platform, key: str) -> None:
    headers = {"idempotency-key": key.encode()}
    answer = await shared.call("POST", "/machines/NOWHERE/commands", json=START, headers=headers)  # type: ignore[arg-type]  # bytes, to say what a str may not
    assert (answer.status_code, answer.json()["field"]) == (422, "idempotency-key")


async def test_ids_only_grow_and_the_newest_is_listed_first(shared: Platform) -> None:
    await shared.add_machine("ORDER-1")
    given = [
        (await give(shared, "ORDER-1", {"command": "pause", "params": {}, "expires_in": 60 + number}))[1]["id"]
        for number in range(9)
    ]
    assert given == sorted(set(given))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await shared.get("/machines/ORDER-1/commands", params={"limit": 4, "cursor": cursor})
        seen += [command["id"] for command in page["items"]]
        cursor = page["next_cursor"]
    assert seen == given[::-1]


@pytest.mark.parametrize("stop", ["stop_cleaning", "return_to_dock", "emergency_stop"])
async def test_a_stop_cancels_the_starts_that_wait(shared: Platform, stop: str) -> None:
    serial = f"STOP-{stop}"
    await shared.add_machine(serial)
    starts = [(await give(shared, serial, START))[1]["id"] for _ in range(2)]
    status, given = await give(shared, serial, {"command": stop})
    assert (status, given["expires_at"]) == (202, None)

    # One that is on its way to nobody just now is taken back first.
    async def cancelled() -> bool:
        return [await state(shared, serial, start) for start in starts] == ["cancelled", "cancelled"]

    await eventually(cancelled)
    assert await state(shared, serial, given["id"]) == "queued"


async def test_a_queued_command_can_be_taken_back_once(shared: Platform) -> None:
    await shared.add_machine("CANCEL-1")
    _, given = await give(shared, "CANCEL-1", START)
    path = f"/machines/CANCEL-1/commands/{given['id']}/cancel"

    async def waits_for_its_machine() -> bool:
        return bool((await shared.get(path.removesuffix("/cancel")))["reason"])

    await eventually(waits_for_its_machine)
    answer = await shared.call("POST", path, as_=OPERATOR)
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert [change["state"] for change in answer.json()["history"]][-2:] == ["queued", "cancelled"]
    assert (await shared.call("POST", path, as_=OPERATOR)).status_code == 409


async def test_a_command_is_known_at_its_own_machine_only(shared: Platform) -> None:
    await shared.add_machine("HOME-1")
    await shared.add_machine("HOME-2")
    _, given = await give(shared, "HOME-1", START)
    for path in (given["id"], "018f0000-0000-7000-8000-000000000000"):
        assert (await shared.call("GET", f"/machines/HOME-2/commands/{path}")).status_code == 404
        assert (await shared.call("POST", f"/machines/HOME-2/commands/{path}/cancel")).status_code == 404
    assert await state(shared, "HOME-1", given["id"]) == "queued"


async def test_a_start_taken_back_after_a_stop_was_given_is_cancelled(shared: Platform) -> None:
    await shared.add_machine("TAKEN-1")
    async with shared.database.write() as session:
        machine = await known(session, 1, "TAKEN-1", lock=True)
        start, _ = await service.give(session, machine, service.Wish("start_cleaning", {}), user_id=None, now_ms=1000)
        await change(session, start.id, State.SENT, machine_id=machine.id, at_ms=1001, sent_at=1001)
        await service.give(session, machine, service.Wish("stop_cleaning", {}), user_id=None, now_ms=1002)
        done = await service.back_to_queue(session, machine, start.id, reason="nobody", now_ms=1003)
    assert done is not None
    assert (done.state, done.reason) == ("cancelled", "overtaken by stop_cleaning")
