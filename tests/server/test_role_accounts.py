"""Each role with a login of its own, and no more rights than its own: everything still works."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from sunsweep.contract.times import iso
from sunsweep.mqtt.port import Message
from sunsweep.server.broker.rules import rules_of
from sunsweep.server.clock import wall_clock
from sunsweep.server.listener import listen
from sunsweep.server.roles import run_roles
from sunsweep.server.settings import Role
from tests.server.fleets import batches, is_of, up_to
from tests.server.viewers import frame, frames, viewing
from tests.support.platform import HOST, Platform, eventually, new_platform, topic

PROCESSES = {
    "web": (Role.API, Role.LIVE),
    "ingest": (Role.INGEST,),
    "dispatch": (Role.DISPATCH,),
    "jobs": (Role.JOBS,),
}


@pytest.fixture
async def platform(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    running = await new_platform(sqlite_url, tmp_path)
    try:
        await running.start_broker()
        for name, roles in PROCESSES.items():
            username = f"only-{name}"
            password = await running.add_service_account(username, *rules_of(roles))
            async with running.mqtt(username, password):
                pass  # the broker reads its files a moment after it is told to; news go to who is connected only
            login = {"mqtt_username": username, "mqtt_password": SecretStr(password)}
            settings = running.settings.model_copy(update=login)
            listener = listen(HOST, settings.port) if name == "web" else None
            running._spawn(name, run_roles(settings, roles, listener))
        await eventually(running.ready)
        yield running
    finally:
        for name in reversed(PROCESSES):
            await running._end(name)
        await running.stop()


async def test_a_message_and_a_command_go_all_the_way(platform: Platform) -> None:
    login = await platform.add_machine("M-1")
    told = list[Message]()
    heard = (topic(login, "command"), topic(login, "receipt"))
    async with (
        platform.mqtt(login.mqtt_username, login.mqtt_password, *heard, on_messages=told.extend) as machine,
        viewing(platform, "M-1") as viewer,
        batches(platform) as (company, _),
    ):

        async def say(channel: str, **body: object) -> None:
            await machine.publish(topic(login, channel), json.dumps(body).encode(), qos=1)

        async def newest(channel: str) -> bytes | None:
            return next((message.payload for message in told if message.topic == topic(login, channel)), None)

        await say("status", status="Idle", session=[7, 1])
        await say("telemetry", battery=13, ts=iso(wall_clock()), boot=7, seq=1)
        seen = {(await frame(viewer))["type"] for _ in range(3)}
        assert seen == {"status", "telemetry", "presence"}
        assert json.loads(await eventually(lambda: newest("receipt")))["boot"] == 7

        order = (await platform.call("POST", "/machines/M-1/commands", json={"command": "resume"})).json()
        assert json.loads(await eventually(lambda: newest("command")))["id"] == order["id"]
        await say("result", id=order["id"], state="succeeded", ts=iso(wall_clock()), boot=7, seq=2)
        states = [change["data"]["state"] for change in await frames(viewer, "command_state", 3)]
        assert states == ["queued", "sent", "succeeded"]
        shown = await up_to(company, is_of("M-1", "command_state", state="succeeded"))
        assert {"telemetry", "status", "presence", "command"} <= {one["type"] for one in shown}
