"""`?wait=`: the answer is the outcome, where it comes in time; whoever waits holds nothing, and may go."""

import asyncio
from typing import Any

import pytest

from sunsweep.contract.commands import ENDED
from sunsweep.server.features.commands import outcome as waiting
from sunsweep.server.features.commands.lifecycle import State
from tests.support.orders import START, WAY, give, lead, new_machine
from tests.support.platform import Platform, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def the_command(platform: Platform, serial: str) -> str:
    """Its id, as soon as it is there."""

    async def there() -> Any:
        return (await platform.get(f"/machines/{serial}/commands"))["items"]

    (found,) = await eventually(there)
    command_id: str = found["id"]
    return command_id


@pytest.mark.parametrize("state", sorted(ENDED | {State.UNCONFIRMED}))
async def test_the_answer_is_the_outcome(quiet: Platform, state: State) -> None:
    serial = await new_machine(quiet)
    asked = asyncio.create_task(give(quiet, serial, **START, wait="60s"))
    command_id = await the_command(quiet, serial)
    await lead(quiet, command_id, *WAY[state])
    answer = await asked
    told = answer.json()
    assert (answer.status_code, told["id"], told["state"]) == (200, command_id, state)
    assert [change["state"] for change in told["history"]] == ["queued", *WAY[state]]


@pytest.mark.parametrize("wait", ["1", "1s"])
async def test_without_an_outcome_in_time_the_answer_is_what_is_known(quiet: Platform, wait: str) -> None:
    serial = await new_machine(quiet)
    asked = asyncio.create_task(give(quiet, serial, **START, wait=wait))
    await lead(quiet, await the_command(quiet, serial), State.SENT)
    answer = await asked
    assert (answer.status_code, answer.json()["state"]) == (202, "sent")
    assert "history" not in answer.json()


async def test_whoever_asks_again_hears_at_once_what_became_of_it(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    first = await give(quiet, serial, **START, key="k", wait="0")
    assert first.status_code == 202
    await lead(quiet, first.json()["id"], State.SENT, State.SUCCEEDED)
    again = await give(quiet, serial, **START, key="k", wait="60")
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (200, first.json()["id"], "succeeded")


@pytest.mark.parametrize("wait", ["61s", "-1", "1m", "s", "", "1.5s", "soon"])
async def test_what_is_no_time_to_wait_is_refused_and_nothing_is_given(quiet: Platform, wait: str) -> None:
    serial = await new_machine(quiet)
    answer = await give(quiet, serial, **START, wait=wait)
    assert (answer.status_code, answer.json()["field"]) == (422, "wait")
    assert (await quiet.get(f"/machines/{serial}/commands"))["items"] == []


async def test_more_wait_than_there_are_connections_and_nobody_else_notices(quiet: Platform) -> None:
    serials = [await new_machine(quiet) for _ in range(24)]
    asked = [asyncio.create_task(give(quiet, serial, **START, wait="60s")) for serial in serials]
    ids = [await the_command(quiet, serial) for serial in serials]
    assert not [task for task in asked if task.done()]
    await lead_all(quiet, ids)
    answers = await asyncio.gather(*asked)
    assert {(answer.status_code, answer.json()["state"]) for answer in answers} == {(200, "cancelled")}


async def lead_all(platform: Platform, ids: list[str]) -> None:
    for command_id in ids:
        await lead(platform, command_id, State.CANCELLED)


async def test_nobody_looks_any_more_for_who_has_gone(quiet: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()
    wait_for_it = waiting.outcome

    async def watched(*args: Any, **more: Any) -> Any:
        try:
            return await wait_for_it(*args, **more)
        finally:
            ended.set()

    monkeypatch.setattr("sunsweep.server.features.commands.endpoints.outcome", watched)
    serial = await new_machine(quiet)
    asked = asyncio.create_task(give(quiet, serial, **START, wait="60s"))
    command_id = await the_command(quiet, serial)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    async with asyncio.timeout(10):
        await ended.wait()
    assert (await quiet.get(f"/machines/{serial}/commands/{command_id}"))["state"] == "queued", "it stays given"


async def test_openapi_tells_both_answers(quiet: Platform) -> None:
    async with quiet.web() as client:
        document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/api/v1/machines/{machine_id}/commands"]["post"]
    shapes = {
        status: operation["responses"][status]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for status in ("200", "202")
    }
    assert shapes == {"200": "CommandLife", "202": "CommandOut"}
    assert {"403", "409", "422", "429"} <= set(operation["responses"])


async def test_while_the_database_is_away_the_order_is_given_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def read(self) -> Any:
            raise ConnectionRefusedError

    class Row:
        state, machine_id, id = State.QUEUED, 1, "x"

    async def here() -> bool:
        return False

    monkeypatch.setattr(waiting, "FIRST_LOOK_S", 0.001)
    row: Any = Row()
    database: Any = Away()
    assert await waiting.outcome(database, row, within_s=0.01, gone=here) is row
