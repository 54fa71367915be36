"""A machine that is removed: nothing of what it was told waits any more, nor does whoever waited for that."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from sunsweep.server.db.models import CommandEvent, CommandRow
from sunsweep.server.features.commands.ending import GONE
from sunsweep.server.features.commands.lifecycle import State
from tests.support.bulk import CLEAN, ask, become, begin, fleet, results, roll_out, run_of
from tests.support.orders import ROOT, given, new_machine
from tests.support.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

Removal = Callable[[Platform, str], Awaitable[httpx.Response]]
STOP = "stop_cleaning"


async def delete(platform: Platform, serial: str) -> httpx.Response:
    return await platform.call("DELETE", f"/machines/{serial}")


async def move(platform: Platform, serial: str) -> httpx.Response:
    path, here = f"/machines/{serial}/move", {"company_id": 1}
    return await platform.call("POST", path, as_=ROOT, params=here, json={"company_id": 2})


async def now(platform: Platform, command_id: str) -> tuple[str, str, int, Any]:
    """Its state, the reason, what it holds back, and the newest step of its life."""
    async with platform.database.read() as session:
        row = await session.get_one(CommandRow, command_id)
        steps = select(CommandEvent.state, CommandEvent.reason).where(CommandEvent.command_id == command_id)
        newest = (await session.execute(steps.order_by(CommandEvent.id.desc()).limit(1))).one()
    return row.state, row.reason, row.holds, tuple(newest)


@pytest.mark.parametrize("remove", [delete, move])
@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        ("start_cleaning", State.QUEUED, State.CANCELLED),
        ("start_cleaning", State.SENT, State.UNCONFIRMED),
        (STOP, State.QUEUED, State.CANCELLED),
        (STOP, State.RUNNING, State.UNCONFIRMED),
        (STOP, State.UNCONFIRMED, State.UNCONFIRMED),
    ],
)
async def test_its_commands_end_with_it(
    quiet: Platform, remove: Removal, command: str, before: State, after: State
) -> None:
    serial = await new_machine(quiet)
    command_id = await given(quiet, serial, command, before)
    (await remove(quiet, serial)).raise_for_status()
    assert await now(quiet, command_id) == (after, GONE, 0, (after, GONE))


async def test_what_has_ended_stays_as_it_is(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    done = await given(quiet, serial, STOP, State.SUCCEEDED)
    lost = await given(quiet, serial, "pause", State.UNCONFIRMED)
    before = await now(quiet, done), await now(quiet, lost)
    (await delete(quiet, serial)).raise_for_status()
    assert (await now(quiet, done), await now(quiet, lost)) == before


async def test_a_bulk_run_goes_on_without_it(quiet: Platform) -> None:
    serials = await fleet(quiet, "LEFT", 2)
    bulk_id = await begin(quiet, {"machine_ids": serials}, **CLEAN, stage_size=1)
    await roll_out(quiet)
    (await delete(quiet, serials[0])).raise_for_status()
    await roll_out(quiet)
    rows = await results(quiet, bulk_id)
    assert [(row["state"], row["reason"]) for row in rows] == [("cancelled", GONE), ("queued", "")]
    await become(quiet, serials[1:], State.SUCCEEDED)
    await roll_out(quiet)
    assert (await run_of(quiet, bulk_id))["state"] == "finished"


async def test_a_bulk_stop_ends_without_it(quiet: Platform) -> None:
    serials = await fleet(quiet, "HALTED", 1)
    bulk_id = (await ask(quiet, {"machine_ids": serials}, command=STOP)).json()["id"]
    (await delete(quiet, serials[0])).raise_for_status()
    await roll_out(quiet)
    run = await run_of(quiet, bulk_id)
    assert (run["state"], run["counts"], run["ended_at"] is not None) == ("finished", {"cancelled": 1}, True)
