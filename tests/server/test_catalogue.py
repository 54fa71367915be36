"""Catalogues over REST, and what they let through before anything is sent."""

from typing import Any
from unittest.mock import ANY
from urllib.parse import quote

import jsonschema
import pytest
from sqlalchemy import event, update

from sunsweep.contract.commands import STOP_RANK, Order
from sunsweep.server.db.models import Company
from sunsweep.server.features.catalogue import service
from sunsweep.server.features.catalogue.table import OwnCommand
from tests.support.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPERATOR, VIEWER, BETA = "operator@example.com", "viewer@example.com", "admin@beta.example"
POLISH: dict[str, Any] = {
    "description": "Polish the glass",
    "params": {
        "rounds": {"type": "integer", "minimum": 1, "maximum": 3, "required": True},
        "pressure": {"type": "number", "maximum": 2.5, "unit": "bar"},
    },
    "proved_by": ["Polishing"],
}


async def put(platform: Platform, model: str, as_: str = "admin@example.com", **commands: Any) -> tuple[int, Any]:
    answer = await platform.call("PUT", f"/machine-models/{model}", json={"commands": commands}, as_=as_)
    return answer.status_code, answer.json()


async def order(platform: Platform, serial: str, command: str, **params: Any) -> tuple[int, str | None, str]:
    """Status, field and words of the answer."""
    body = {"command": command, "params": params}
    answer = await platform.call("POST", f"/machines/{serial}/commands", json=body, as_=OPERATOR)
    told = answer.json()
    return answer.status_code, told.get("field"), told.get("detail", "")


async def machine(platform: Platform, serial: str, model: str = "") -> None:
    await platform.add_machine(serial)
    if model:
        assert (await platform.call("PATCH", f"/machines/{serial}", json={"model": model})).is_success


async def catalogue(platform: Platform, serial: str, as_: str = VIEWER) -> dict[str, Any]:
    found = await platform.get(f"/machines/{serial}/catalogue", as_=as_)
    return {**found, "commands": {one["command"]: one for one in found["commands"]}}


async def test_a_machine_without_model_has_what_is_built_in(shared: Platform) -> None:
    await machine(shared, "PLAIN-1")
    found = await catalogue(shared, "PLAIN-1")
    commands = found.pop("commands")
    assert found == {"machine_id": "PLAIN-1", "model": "", "custom_commands": False}
    assert list(commands) == [str(known) for known in Order]
    assert {name for name, one in commands.items() if one["stop_like"]} == set(STOP_RANK)
    assert {name: one["expires_in"] for name, one in commands.items()} == {
        name: None if name in STOP_RANK else 1800 for name in commands
    }
    start = commands["start_cleaning"]
    assert start["proved_by"] == ["Running", "Cleaning"]
    assert start["params_schema"]["properties"]["speed"]["maximum"] == 10
    assert start["params"]["mode"]["choices"] == ["auto", "manual", "edge"]
    assert commands["configure"]["params_schema"]["properties"]["telemetry_interval_s"] == {
        "type": "number", "minimum": 5, "maximum": 3600, "unit": "s", "description": "between two samples"
    }  # fmt: skip
    for one in commands.values():
        jsonschema.Draft202012Validator.check_schema(one["params_schema"])


async def test_a_model_s_own_commands_are_ordered_by_its_machines_alone(shared: Platform) -> None:
    await machine(shared, "OWN-1", "SW-1")
    await machine(shared, "OWN-2", " SW-1 ")
    await machine(shared, "OWN-3", "sw-1")
    status, said = await put(shared, "SW-1", polish=POLISH)
    assert (status, said["model"]) == (200, "SW-1")
    assert said["commands"]["polish"]["proved_by"] == POLISH["proved_by"]
    assert {name: one["unit"] for name, one in said["commands"]["polish"]["params"].items()} == {
        "rounds": "", "pressure": "bar"
    }  # fmt: skip
    assert await put(shared, "SW-1", **said["commands"]) == (200, {**said, "changed_at": ANY}), "as it is told"
    for serial in ("OWN-1", "OWN-2"):
        assert (await order(shared, serial, "polish", rounds=2, pressure=2.5))[0] == 202
        assert (await catalogue(shared, serial))["commands"]["polish"]["expires_in"] == 1800
    status, field, words = await order(shared, "OWN-3", "polish", rounds=2)
    assert (status, field) == (422, "command")
    assert words.startswith("polish is not known for this machine; known are start_cleaning,")


@pytest.mark.parametrize(
    ("params", "field", "words"),
    [
        ({"rounds": 4}, "params.rounds", "params.rounds is 4; it must be a whole number from 1 to 3"),
        ({"rounds": "2"}, "params.rounds", 'params.rounds is "2"; it must be a whole number from 1 to 3'),
        (
            {"rounds": 2, "pressure": 2.6},
            "params.pressure",
            "params.pressure is 2.6; it must be a number of at most 2.5 bar",
        ),
        ({}, "params.rounds", "params.rounds is missing; it must be a whole number from 1 to 3"),
        ({"rounds": 2, "speed": 1}, "params.speed", "params.speed is not known: polish takes rounds, pressure"),
    ],
)
async def test_what_a_model_does_not_take_is_named(
    shared: Platform, params: dict[str, Any], field: str, words: str
) -> None:
    if not (await shared.call("GET", "/machines/NAMED-1")).is_success:
        await machine(shared, "NAMED-1", "named")
        await put(shared, "named", polish=POLISH)
    assert await order(shared, "NAMED-1", "polish", **params) == (422, field, words)
    assert (await shared.get("/machines/NAMED-1/commands"))["items"] == []


async def test_a_model_may_know_a_built_in_command_otherwise(shared: Platform) -> None:
    await machine(shared, "OTHER-1", "fast")
    speed = {"type": "integer", "minimum": 1, "maximum": 20, "unit": "m/min"}
    await put(shared, "fast", start_cleaning={"params": {"speed": speed}})
    assert (await order(shared, "OTHER-1", "start_cleaning", speed=15))[0] == 202
    assert (await order(shared, "OTHER-1", "start_cleaning", mode="auto"))[:2] == (422, "params.mode")
    found = (await catalogue(shared, "OTHER-1"))["commands"]["start_cleaning"]
    assert (found["proved_by"], found["built_in"]) == (["Running", "Cleaning"], True)
    assert found["params_schema"]["properties"]["speed"] == {
        "type": "integer", "minimum": 1, "maximum": 20, "unit": "m/min"
    }  # fmt: skip


async def test_what_is_said_of_a_model_is_listed_replaced_and_taken_back(shared: Platform) -> None:
    await machine(shared, "LIST-1", "list b")
    for name in ("list a", "list b", "list c"):
        await put(shared, name, polish=POLISH)
    assert (await put(shared, "list b", wax={}))[0] == 200
    assert list((await shared.get("/machine-models/list b", as_=VIEWER))["commands"]) == ["wax"]
    assert (await order(shared, "LIST-1", "polish", rounds=1))[:2] == (422, "command")
    seen: list[str] = []
    cursor: str | None = "list"
    while cursor is not None:
        page = await shared.get("/machine-models", as_=VIEWER, params={"limit": 2, "cursor": cursor})
        seen += [item["model"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert [name for name in seen if name.startswith("list ")] == ["list a", "list b", "list c"]
    assert (await shared.call("DELETE", "/machine-models/list b")).status_code == 204
    assert (await shared.call("GET", "/machine-models/list b")).status_code == 404
    assert (await shared.call("DELETE", "/machine-models/list b")).status_code == 404
    assert (await order(shared, "LIST-1", "wax"))[:2] == (422, "command")


async def test_only_the_company_s_admin_says_it_and_only_for_the_own(shared: Platform) -> None:
    for who in (VIEWER, OPERATOR):
        assert (await put(shared, "admins", who, polish=POLISH))[0] == 403
        assert (await shared.call("DELETE", "/machine-models/admins", as_=who)).status_code == 403
    await machine(shared, "ADMINS-1", "admins")
    await put(shared, "admins", BETA, polish=POLISH)
    assert (await shared.call("GET", "/machine-models/admins")).status_code == 404
    assert (await order(shared, "ADMINS-1", "polish", rounds=1))[:2] == (422, "command")


@pytest.mark.parametrize(
    ("commands", "field"),
    [
        (
            {"stop_cleaning": {"params": {"gently": {"type": "boolean", "required": True}}}},
            "commands.stop_cleaning",
        ),
        ({"stop_cleaning": {"proved_by": ["Running"]}}, "commands.stop_cleaning.proved_by"),
        ({"polish": {"proved_by": ["offline"]}}, "commands.polish.proved_by"),
        ({"polish": {"params": {"rounds": {"type": "integer", "minimum": "1"}}}}, "commands.polish.params.rounds"),
        ({"polish": {"params": {"rounds": {"type": "integer", "minimum": 3, "maximum": 1}}}}, "commands.polish."),
        ({"pol ish": {}}, "commands.pol ish"),
    ],
)
async def test_what_cannot_be_said_is_named(shared: Platform, commands: Any, field: str) -> None:
    status, problem = await put(shared, "wrong", **commands)
    assert (status, problem["code"]) == (422, "invalid")
    assert problem["field"].startswith(field)
    assert (await shared.call("GET", "/machine-models/wrong")).status_code == 404


@pytest.mark.parametrize("name", [" x", "x ", ".", "x" * 65, "a\tb", "a\x00", "\x1fa"])
async def test_what_is_no_name_of_a_model_is_refused(shared: Platform, name: str) -> None:
    answer = await shared.call("PUT", f"/machine-models/{quote(name).replace('.', '%2E')}", json={"commands": {}})
    assert (answer.status_code, answer.json()["field"]) == (422, "model")


async def test_custom_commands_are_a_company_s_choice(shared: Platform) -> None:
    await machine(shared, "CUSTOM-1", "custom")
    await put(shared, "custom", polish=POLISH)
    assert (await order(shared, "CUSTOM-1", "dance"))[:2] == (422, "command")
    await allow_custom(shared, allowed=True)
    try:
        assert (await order(shared, "CUSTOM-1", "dance", anything={"deep": [1, None]}))[0] == 202
        assert (await order(shared, "CUSTOM-1", "polish", rounds=9))[:2] == (422, "params.rounds")
        assert (await order(shared, "CUSTOM-1", "start_cleaning", speed=11))[:2] == (422, "params.speed")
        assert (await catalogue(shared, "CUSTOM-1"))["custom_commands"] is True
    finally:
        await allow_custom(shared, allowed=False)


async def allow_custom(platform: Platform, *, allowed: bool) -> None:
    async with platform.database.write() as session:
        await session.execute(update(Company).where(Company.id == 1).values(custom_commands=allowed))


async def test_a_company_s_own_life_of_commands_is_shown(shared: Platform) -> None:
    await machine(shared, "EXPIRY-1")
    async with shared.database.write() as session:
        await session.execute(update(Company).where(Company.id == 1).values(command_life_s=600))
    try:
        commands = (await catalogue(shared, "EXPIRY-1"))["commands"]
        assert (commands["pause"]["expires_in"], commands["stop_cleaning"]["expires_in"]) == (600, None)
    finally:
        async with shared.database.write() as session:
            await session.execute(update(Company).where(Company.id == 1).values(command_life_s=None))


async def test_effects_of_many_models_are_each_their_own(shared: Platform) -> None:
    async with shared.database.write() as session:
        await service.put(session, 1, "eff", {"pause": OwnCommand(proved_by=("Halted",))}, now_ms=1)
        await service.put(session, 2, "eff", {"pause": OwnCommand(proved_by=("Waiting",))}, now_ms=1)
        await service.put(session, 2, "eff 2", {"pause": OwnCommand(proved_by=())}, now_ms=1)
    kinds = [(1, "eff"), (1, " eff "), (2, "eff"), (2, "eff 2"), (1, "eff 2"), (1, "EFF"), (1, ""), (9, "eff")]
    async with shared.database.read() as session:
        found = await service.effects_of(session, kinds)
        assert await service.effects_of(session, []) == {}
    proofs = {kind: found[kind].proved_by["pause"] for kind in kinds}
    assert [list(proof) for proof in proofs.values()] == [["halted"], ["halted"], ["waiting"], [], *4 * [["paused"]]]


async def test_it_costs_one_query_however_many_ask(shared: Platform) -> None:
    asked: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    async with shared.database.read() as session:
        # Of this connection alone: the platform asks for itself meanwhile.
        event.listen((await session.connection()).sync_connection, "before_cursor_execute", listen)
        await service.check(session, (1, "SW-1"), "pause", {})
        await service.effects_of(session, [(1, f"m{number}") for number in range(200)])
    assert len(asked) == 2
