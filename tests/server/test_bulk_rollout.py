"""A roll-out to machine programs over a real broker, and what their viewers see of it."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.support.bulk import ask, begin, results, run_of
from tests.support.dispatching import dispatcher, real_machine, started
from tests.support.platform import Platform, eventually

STOP = "stop_cleaning"


async def ended(platform: Platform, bulk_id: str) -> dict[str, Any]:
    async def it_has() -> dict[str, Any] | None:
        run = await run_of(platform, bulk_id)
        return run if run["ended_at"] else None

    run: dict[str, Any] = await eventually(it_has, within_s=30)
    return run


async def all_online(platform: Platform, number: int) -> None:
    async def they_are() -> bool:
        items = (await platform.get("/machines"))["items"]
        return bool(sum(item["current"]["presence"] == "online" for item in items) == number)

    await eventually(they_are, within_s=30)


async def changes(platform: Platform, serial: str, command_id: str) -> dict[str, str]:
    found = await platform.get(f"/machines/{serial}/commands/{command_id}")
    return {step["state"]: step["at"] for step in found["history"]}


async def test_machines_are_set_stage_by_stage_and_all_stopped_by_one_call(database_url: str, tmp_path: Path) -> None:
    async with started(database_url, tmp_path) as platform, AsyncExitStack() as stack:
        serials = [f"ROLL-{n}" for n in range(4)]
        for serial in serials:
            await stack.enter_async_context(real_machine(platform, await platform.add_machine(serial)))
        await all_online(platform, 4)
        await stack.enter_async_context(dispatcher(platform))
        wish = {"command": "configure", "params": {"telemetry_interval_s": 5}}
        bulk_id = await begin(platform, {"presence": "online"}, **wish, stage_size=2, abort_after=1)
        run = await ended(platform, bulk_id)
        assert (run["state"], run["stage"], run["counts"]) == ("finished", 2, {"succeeded": 4})
        lives = [
            await changes(platform, row["machine_id"], row["command_id"]) for row in await results(platform, bulk_id)
        ]
        assert max(life["succeeded"] for life in lives[:2]) <= min(life["queued"] for life in lives[2:])

        viewer = await stack.enter_async_context(platform.watch(serials[3]))
        bulk_id = (await ask(platform, {"all": True}, command=STOP)).json()["id"]
        run = await ended(platform, bulk_id)
        assert (run["state"], run["counts"]) == ("finished", {"succeeded": 4})
        told: list[str] = []
        while "succeeded" not in told:
            frame = json.loads(await viewer.recv())
            if frame["type"] == "command_state":
                told.append(frame["data"]["state"])
        assert {"queued", "sent"} <= set(told)
