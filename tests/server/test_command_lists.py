"""Commands as people find them: by state, of a whole company, with who gave them."""

from typing import Any

import pytest

from sunsweep.server.clock import wall_clock
from sunsweep.server.features.commands import service
from sunsweep.server.features.commands.lifecycle import State
from sunsweep.server.features.commands.service import Wish
from sunsweep.server.features.machines.service import known
from tests.support.orders import ADMIN, OPERATOR, ROOT, VIEWER, WAY, give, given, lead, look, new_machine, program
from tests.support.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

BETA = "admin@beta.example"


async def ids(platform: Platform, path: str, *, as_: str = VIEWER, **query: Any) -> list[str]:
    """Of all pages."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await platform.get(path, as_=as_, params={**query, "cursor": cursor, "limit": 3})
        assert len(page["items"]) <= 3
        found += [command["id"] for command in page["items"]]
        cursor = page["next_cursor"]
    return found


async def test_commands_are_found_by_state(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    by_state = {state: await given(quiet, serial, "pause", state) for state in WAY}
    path = f"/machines/{serial}/commands"
    for state, command_id in by_state.items():
        assert await ids(quiet, path, state=state) == [command_id]
    some = [State.QUEUED, State.FAILED, State.UNCONFIRMED, State.EXPIRED]
    assert await ids(quiet, path, state=some) == sorted((by_state[state] for state in some), reverse=True)
    assert await ids(quiet, path) == sorted(by_state.values(), reverse=True)
    assert await ids(quiet, path, open="true") == []
    assert len(await ids(quiet, path, open="false")) == len(WAY)


@pytest.mark.parametrize(
    "query", [{"state": "lost"}, {"open": "perhaps"}, {"limit": 0}, {"limit": 501}, {"cursor": "Z"}]
)
async def test_what_no_state_is_is_refused(quiet: Platform, query: dict[str, Any]) -> None:
    serial = await new_machine(quiet)
    for path in (f"/machines/{serial}/commands", "/commands"):
        answer = await quiet.call("GET", path, params=query)
        assert answer.status_code == 422
        assert answer.json()["field"].startswith(next(iter(query)))


async def test_a_company_sees_the_commands_of_all_its_machines_and_of_no_other(quiet: Platform) -> None:
    await quiet.add_machine("BETA-1", company_id=2)
    await quiet.add_machine("BETA-2", company_id=2)
    serial = await new_machine(quiet)
    ours = await given(quiet, serial, "stop_cleaning")
    theirs = [
        await given(quiet, name, command, as_=BETA)
        for name, command in (("BETA-1", "pause"), ("BETA-2", "stop_cleaning"), ("BETA-2", "emergency_stop"))
    ]
    assert await ids(quiet, "/commands", as_=BETA) == theirs[::-1]
    assert await ids(quiet, "/commands", as_=BETA, open="true") == [theirs[2]]
    assert await ids(quiet, "/commands", as_=BETA, open="false") == [theirs[1], theirs[0]]
    assert await ids(quiet, "/commands", as_=BETA, state="cancelled") == [theirs[1]]
    assert await ids(quiet, "/commands", as_=ROOT, company_id=2) == theirs[::-1]
    mine = await ids(quiet, "/commands")
    assert ours in mine
    assert not set(theirs) & set(mine)
    assert ours in await ids(quiet, "/commands", open="true")
    (newest,) = (await quiet.get("/commands", as_=BETA, params={"limit": 1}))["items"]
    assert newest == {key: value for key, value in (await look_as_beta(quiet, theirs[2])).items() if key != "history"}
    assert (await quiet.call("GET", "/commands", as_=ROOT)).status_code == 422, "a platform admin names the company"


async def look_as_beta(platform: Platform, command_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await platform.get(f"/machines/BETA-2/commands/{command_id}", as_=BETA)
    return found


async def test_what_an_archived_machine_was_told_is_not_listed(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    command_id = await given(quiet, serial, "stop_cleaning")
    assert command_id in await ids(quiet, "/commands", open="true")
    await quiet.call("DELETE", f"/machines/{serial}")
    assert command_id not in await ids(quiet, "/commands", open="true")
    assert command_id not in await ids(quiet, "/commands")


async def test_everybody_who_may_look_reads_who_gave_a_command(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    path = f"/machines/{serial}/commands"
    names = [OPERATOR, ROOT, "operator program", "command line"]
    for email in names[:2]:
        params = {"company_id": 1}
        answer = await quiet.call("POST", path, as_=email, params=params, json={"command": "pause"})
        assert answer.json()["issued_by_name"] == email
    async with program(quiet) as client:
        answer = await client.post(path, json={"command": "pause"}, headers={"idempotency-key": "k"})
        assert answer.json()["issued_by_name"] == "operator program"
    again = await give(quiet, serial, "pause", as_=ADMIN, key="k")
    assert (again.json()["id"], again.json()["issued_by_name"]) == (answer.json()["id"], "operator program")
    async with quiet.database.write() as session:
        machine = await known(session, 1, serial, lock=True)
        await service.give(session, machine, Wish("pause", {}), user_id=None, now_ms=wall_clock())
    listed = (await quiet.get(path, as_=VIEWER))["items"]
    assert [command["issued_by_name"] for command in listed] == names[::-1]
    for command in listed:
        assert (await look(quiet, serial, command["id"]))["issued_by_name"] == command["issued_by_name"]


async def test_a_command_says_how_often_it_was_sent(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    command_id = await given(quiet, serial, "stop_cleaning")
    assert ((await look(quiet, serial, command_id))["sends"], (await look(quiet, serial, command_id))["open"]) == (
        0,
        True,
    )
    await lead(quiet, command_id, State.SENT, State.SUCCEEDED)
    assert (await look(quiet, serial, command_id))["open"] is False
