"""Stops hold back starts until they are confirmed, outrank each other, and are closed by people."""

import json

import pytest

from sunsweep.contract.commands import ENDED
from sunsweep.server.clock import wall_clock
from sunsweep.server.features.commands.lifecycle import State
from tests.support.orders import ADMIN, START, VIEWER, WAY, give, given, lead, look, new_machine, program, say
from tests.support.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPEN = (State.QUEUED, State.SENT, State.ACCEPTED, State.RUNNING, State.UNCONFIRMED)


async def refused(platform: Platform, serial: str, command: str, status: int = 409, **more: str) -> str:
    """The code with which it is refused."""
    answer = await give(platform, serial, command, **more)
    assert answer.status_code == status, answer.text
    code: str = answer.json()["code"]
    return code


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("stop", ["return_to_dock", "stop_cleaning", "emergency_stop"])
async def test_a_start_is_refused_while_a_stop_is_open(quiet: Platform, stop: str, state: State) -> None:
    serial = await new_machine(quiet)
    command_id = await given(quiet, serial, stop, state)
    for start in ("start_cleaning", "resume", "pause", "reset", "configure"):
        assert await refused(quiet, serial, start) == "stop_unconfirmed"
    assert (await look(quiet, serial, command_id))["open"] is True
    await lead(quiet, command_id, *((State.CANCELLED,) if state is State.QUEUED else (State.FAILED,)))
    assert (await look(quiet, serial, command_id))["open"] is False
    assert (await give(quiet, serial, "start_cleaning")).status_code == 202


@pytest.mark.parametrize("state", sorted(ENDED))
async def test_a_stop_that_has_ended_holds_nothing_back(quiet: Platform, state: State) -> None:
    serial = await new_machine(quiet)
    command_id = await given(quiet, serial, "stop_cleaning", state)
    assert (await look(quiet, serial, command_id))["open"] is False
    assert (await give(quiet, serial, "start_cleaning")).status_code == 202


@pytest.mark.parametrize("newer", ["return_to_dock", "stop_cleaning", "emergency_stop"])
@pytest.mark.parametrize("state", OPEN)
async def test_a_newer_stop_takes_the_place_of_an_open_one(quiet: Platform, state: State, newer: str) -> None:
    serial = await new_machine(quiet)
    older_id = await given(quiet, serial, "return_to_dock", state)
    newer_id = await given(quiet, serial, newer)
    becomes = {State.QUEUED: State.CANCELLED, State.SENT: State.UNCONFIRMED}.get(state, state)
    older = await look(quiet, serial, older_id)
    assert (older["state"], older["open"], older["reason"]) == (becomes, False, f"superseded by {newer}")
    assert older["history"][-1]["state"] == becomes
    assert older["history"][-1]["reason"] == older["reason"]
    assert len(older["history"]) == 2 + len(WAY[state])
    listed = await quiet.get(f"/machines/{serial}/commands", params={"open": "true"})
    assert [command["id"] for command in listed["items"]] == [newer_id]


async def test_a_superseded_stop_is_still_corrected_by_its_machine(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    older_id = await given(quiet, serial, "stop_cleaning", State.SENT)
    await given(quiet, serial, "emergency_stop")
    await lead(quiet, older_id, State.SUCCEEDED)
    assert (await look(quiet, serial, older_id))["state"] == "succeeded"
    assert await refused(quiet, serial, "start_cleaning") == "stop_unconfirmed"


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        ("emergency_stop", "stop_cleaning"),
        ("emergency_stop", "return_to_dock"),
        ("stop_cleaning", "return_to_dock"),
    ],
)
async def test_a_weaker_stop_waits_for_the_stronger_one(quiet: Platform, stronger: str, weaker: str) -> None:
    serial = await new_machine(quiet)
    command_id = await given(quiet, serial, stronger, State.SENT)
    assert await refused(quiet, serial, weaker) == "stronger_stop_open"
    assert (await look(quiet, serial, command_id))["open"] is True


async def test_a_stop_cancels_what_is_queued_and_nothing_else(quiet: Platform) -> None:
    serial, other = await new_machine(quiet), await new_machine(quiet)
    queued, sent, elsewhere = (
        await given(quiet, serial, "start_cleaning"),
        await given(quiet, serial, "resume", State.SENT),
        await given(quiet, other, "start_cleaning"),
    )
    await given(quiet, serial, "stop_cleaning")
    told = await look(quiet, serial, queued)
    assert (told["state"], told["reason"]) == ("cancelled", "overtaken by stop_cleaning")
    assert (await look(quiet, serial, sent))["state"] == "sent"
    assert (await look(quiet, other, elsewhere))["state"] == "queued"


async def test_after_an_emergency_stop_only_a_reset_leads_on(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    await given(quiet, serial, "emergency_stop", State.SUCCEEDED)
    for command in ("start_cleaning", "resume", "configure", "stop_cleaning", "return_to_dock"):
        assert await refused(quiet, serial, command) == "emergency_stop_in_force"
    reset_id = await given(quiet, serial, "reset", State.SENT)
    assert await refused(quiet, serial, "start_cleaning") == "emergency_stop_in_force"
    await lead(quiet, reset_id, State.REJECTED)
    assert await refused(quiet, serial, "start_cleaning") == "emergency_stop_in_force"
    await given(quiet, serial, "reset", State.SUCCEEDED)
    assert (await give(quiet, serial, "start_cleaning")).status_code == 202
    await given(quiet, serial, "emergency_stop", State.SUCCEEDED)
    assert await refused(quiet, serial, "start_cleaning") == "emergency_stop_in_force"
    await given(quiet, serial, "reset", State.UNCONFIRMED)
    assert (await give(quiet, serial, "start_cleaning")).status_code == 202


@pytest.mark.parametrize("state", [State.CANCELLED, State.FAILED])
async def test_a_second_emergency_stop_that_came_to_nothing_lifts_nothing(quiet: Platform, state: State) -> None:
    serial = await new_machine(quiet)
    await given(quiet, serial, "emergency_stop", State.SUCCEEDED)
    await given(quiet, serial, "emergency_stop", state)
    assert await refused(quiet, serial, "start_cleaning") == "emergency_stop_in_force"


async def test_a_machine_that_answers_may_say_that_its_emergency_is_over(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    await given(quiet, serial, "emergency_stop", State.SUCCEEDED)
    now_ms = wall_clock()
    await say(quiet, serial, "Idle", at_ms=now_ms + 1000, in_session=False)
    assert await refused(quiet, serial, "start_cleaning") == "emergency_stop_in_force"
    await say(quiet, serial, "EmergencyStop", at_ms=now_ms + 1000, in_session=True)
    assert await refused(quiet, serial, "start_cleaning") == "emergency_stop_in_force"
    await say(quiet, serial, "Idle", at_ms=now_ms - 60_000, in_session=True)
    assert await refused(quiet, serial, "start_cleaning") == "emergency_stop_in_force"
    await say(quiet, serial, "Idle", at_ms=now_ms + 1000, in_session=True)
    assert (await give(quiet, serial, "start_cleaning")).status_code == 202


async def test_a_program_resets_no_emergency_stop(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    async with program(quiet, "admin") as client:
        path = f"/machines/{serial}/commands"
        assert (await client.post(path, json={"command": "reset"})).status_code == 202, "there is none in force"
        await given(quiet, serial, "emergency_stop", State.SUCCEEDED)
        answer = await client.post(path, json={"command": "reset"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert (await client.post(path, json={"command": "emergency_stop"})).status_code == 202


@pytest.mark.parametrize("state", [State.UNCONFIRMED, State.ACCEPTED, State.RUNNING])
async def test_a_person_closes_a_stop_that_is_not_confirmed(quiet: Platform, state: State) -> None:
    serial = await new_machine(quiet)
    command_id = await given(quiet, serial, "stop_cleaning", state)
    path = f"/machines/{serial}/commands/{command_id}/close"
    async with quiet.watch(serial) as socket:
        assert json.loads(await socket.recv())["type"] == "snapshot"
        answer = await quiet.call("POST", path, as_="operator@example.com")
        frame = json.loads(await socket.recv())
    told = answer.json()
    reason = "closed by operator@example.com"
    assert (answer.status_code, told["state"], told["open"], told["reason"]) == (200, state, False, reason)
    assert (told["history"][-1]["state"], told["history"][-1]["reason"]) == (state, reason)
    assert (frame["type"], frame["data"]["id"], frame["data"]["state"]) == ("command_state", command_id, state)
    assert frame["data"] == {
        "id": command_id, "state": state, "reason": reason, "changed_at": told["history"][-1]["at"],
    }  # fmt: skip
    assert (await give(quiet, serial, "start_cleaning")).status_code == 202
    again = await quiet.call("POST", path)
    assert (again.status_code, again.json()["detail"]) == (
        409,
        f"the command is {state} and not open: there is nothing to close",
    )
    await lead(quiet, command_id, State.SUCCEEDED)


@pytest.mark.parametrize(
    ("command", "state", "words"),
    [
        ("stop_cleaning", State.QUEUED, "cancel it instead"),
        ("stop_cleaning", State.SENT, "wait until"),
        ("stop_cleaning", State.SUCCEEDED, "nothing to close"),
        ("stop_cleaning", State.CANCELLED, "nothing to close"),
        ("start_cleaning", State.QUEUED, "cancel it instead"),
        ("start_cleaning", State.UNCONFIRMED, "only a stop"),
    ],
)
async def test_nothing_else_is_closed(quiet: Platform, command: str, state: State, words: str) -> None:
    serial = await new_machine(quiet)
    command_id = await given(quiet, serial, command, state)
    before = await look(quiet, serial, command_id)
    answer = await quiet.call("POST", f"/machines/{serial}/commands/{command_id}/close")
    assert answer.status_code == 409
    assert words in answer.json()["detail"]
    assert await look(quiet, serial, command_id) == before


async def test_who_may_not_command_closes_nothing(quiet: Platform) -> None:
    serial, other = await new_machine(quiet), await new_machine(quiet)
    command_id = await given(quiet, serial, "stop_cleaning", State.UNCONFIRMED)
    for path, as_, status in (
        (f"/machines/{serial}/commands/{command_id}/close", VIEWER, 403),
        (f"/machines/{serial}/commands/{command_id}/close", "admin@beta.example", 404),
        (f"/machines/{other}/commands/{command_id}/close", ADMIN, 404),
    ):
        assert (await quiet.call("POST", path, as_=as_)).status_code == status
    assert (await look(quiet, serial, command_id))["open"] is True


async def test_a_repeated_key_is_the_same_command_whatever_stands_in_its_way_by_now(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    first = await give(quiet, serial, **START, key="once")
    await given(quiet, serial, "emergency_stop", State.SUCCEEDED)
    await quiet.call("PATCH", f"/machines/{serial}", json={"enabled": False})
    again = await give(quiet, serial, **START, key="once")
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (202, first.json()["id"], "cancelled")
    assert await refused(quiet, serial, "start_cleaning", key="twice") == "machine_disabled"
