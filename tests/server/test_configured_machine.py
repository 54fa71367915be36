"""Settings from the web to a real machine program and back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.drivers.bench_sky import BenchSky
from sunsweep.machine.drivers.body import Body, Build
from sunsweep.machine.drivers.simulated import embody, morning_clock
from sunsweep.machine.program import Machine
from sunsweep.machine.remote_settings import FILE
from tests.support.platform import Platform, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPERATOR = "operator@example.com"


@asynccontextmanager
async def at_work(platform: Platform, serial: str, folder: Path) -> AsyncIterator[None]:
    """A machine with a state folder, once the backend has heard it."""
    login, clock, random = await platform.add_machine(serial), SystemClock(), Random(7)
    config = MachineConfig(
        broker=platform.settings.mqtt_url,
        company_id=login.company_id,
        machine_id=serial,
        mqtt_username=login.mqtt_username,
        mqtt_password=login.mqtt_password,
        telemetry_interval_s=0.2,
        state_dir=str(folder),
    )
    body = embody(Body(Build(), BenchSky(), morning_clock(clock, speed=20), random))
    task = asyncio.create_task(Machine(config, body, clock=clock, random=random).run(), name="machine")
    try:

        async def is_online() -> bool:
            return bool((await platform.get(f"/machines/{serial}/status"))["presence"] == "online")

        await eventually(is_online)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def given(platform: Platform, serial: str, command: str, **params: Any) -> dict[str, Any]:
    """The command once it has ended."""
    body = {"command": command, "params": params}
    answer = await platform.call("POST", f"/machines/{serial}/commands", json=body, as_=OPERATOR)
    assert answer.status_code == 202, answer.text
    path = f"/machines/{serial}/commands/{answer.json()['id']}"

    async def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = await platform.get(path)
        return found if found["state"] in {"succeeded", "rejected", "failed"} else None

    found: dict[str, Any] = await eventually(ended)
    return found


async def test_settings_reach_the_machine_and_bite(shared: Platform, tmp_path: Path) -> None:
    async with at_work(shared, "SET-1", tmp_path):
        assert (await given(shared, "SET-1", "configure", start_battery_v=14.4))["state"] == "succeeded"
        assert b"14.4" in (tmp_path / FILE).read_bytes()
        assert (await given(shared, "SET-1", "start_cleaning"))["reason"] == "interlock"
        assert (await given(shared, "SET-1", "configure", defaults=True))["state"] == "succeeded"
        assert (await given(shared, "SET-1", "start_cleaning"))["state"] == "succeeded"


async def test_what_only_the_machine_can_know_it_refuses_itself(shared: Platform, tmp_path: Path) -> None:
    async with at_work(shared, "SET-2", tmp_path):
        refused = await given(shared, "SET-2", "configure", run_battery_v=13.5)
        assert (refused["state"], refused["reason"]) == ("rejected", "bad_parameter"), "a start needs 13 V only"


async def test_what_no_machine_may_be_set_to_is_not_even_sent(shared: Platform) -> None:
    await shared.add_machine("SET-3")
    body = {"command": "configure", "params": {"telemetry_interval_s": 1}}
    answer = await shared.call("POST", "/machines/SET-3/commands", json=body, as_=OPERATOR)
    assert (answer.status_code, answer.json()["field"]) == (422, "params.telemetry_interval_s")
    assert answer.json()["detail"] == "params.telemetry_interval_s is 1; it must be a number from 5 to 3600 s"
    assert (await shared.get("/machines/SET-3/commands"))["items"] == []
