"""A machine that speaks only the customer's document, driven by mosquitto's own tools."""

import asyncio
import json
import os
import signal
from typing import Any

import pytest

from tests.support import mosquitto
from tests.support.platform import Platform, eventually, topic

SAMPLE = {"battery": 13.5, "solar_v": 21.2, "solar_a": 4.5, "water": 80, "extra": {"temp": 32.5, "vibration": 0.01}}
RUNNING = {"status": "Running", "energy": 150.5, "water": 25.0, "area": 450.0}


async def test_a_bare_machine_works_fully(platform: Platform) -> None:
    login = await platform.add_machine("BARE-1")
    who = {"username": login.mqtt_username, "password": login.mqtt_password}
    commands = topic(login, "command")
    async with (
        mosquitto.subscriber(platform.mqtt_port, commands, "-q", "1", **who) as machine,
        platform.watch("BARE-1") as viewer,
    ):
        snapshot = json.loads(await viewer.recv())
        assert (snapshot["type"], snapshot["data"]["telemetry"]) == ("snapshot", None)

        # Publishing while subscribed, with the same login, at the same time.
        await mosquitto.publish(platform.mqtt_port, topic(login, "telemetry"), json.dumps(SAMPLE), "-q", "1", **who)
        await mosquitto.publish(platform.mqtt_port, topic(login, "status"), json.dumps(RUNNING), **who)
        frames = [json.loads(await asyncio.wait_for(viewer.recv(), 30)) for _ in range(3)]
        by_type = {frame["type"]: frame["data"] for frame in frames}
        assert by_type["telemetry"] == SAMPLE
        assert by_type["status"] == RUNNING
        assert by_type["presence"]["presence"] == "online"

        stored = await eventually(lambda: platform.telemetry("BARE-1"))
        assert {name: stored[0][name] for name in SAMPLE} == SAMPLE

        async def running() -> Any:
            found = await platform.get("/machines/BARE-1/status")
            return found["status"] and found

        status = await eventually(running)
        assert (status["status"], status["energy"], status["water"], status["area"]) == ("Running", 150.5, 25.0, 450.0)
        assert status["presence"] == "online"

        order = {"command": "start_cleaning", "params": {"speed": 5, "mode": "auto"}}
        answer = await platform.call("POST", "/machines/BARE-1/commands", json=order, as_="operator@example.com")
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        received = json.loads(await machine.message())
        assert {name: received[name] for name in order} == order

        async def state() -> str:
            found: str = (await platform.get(f"/machines/BARE-1/commands/{answer.json()['id']}"))["state"]
            return found if found == "sent" else ""

        await eventually(state)
        shown = [json.loads(await asyncio.wait_for(viewer.recv(), 30)) for _ in range(3)]
        assert [frame["data"] for frame in shown if frame["type"] == "command"] == [received]


async def test_the_will_turns_it_offline(platform: Platform) -> None:
    login = await platform.add_machine("BARE-1")
    who = {"username": login.mqtt_username, "password": login.mqtt_password}
    status = topic(login, "status")
    will = ("--will-topic", status, "--will-payload", '{"status":"offline"}', "--will-qos", "1")
    async with mosquitto.subscriber(platform.mqtt_port, topic(login, "command"), *will, **who) as machine:
        await mosquitto.publish(platform.mqtt_port, status, json.dumps(RUNNING), **who)
        await eventually(lambda: _presence(platform, "online"))
        os.kill(machine.process.pid, signal.SIGKILL)
        offline = await eventually(lambda: _presence(platform, "offline"))
    assert (offline["status"], offline["area"]) == ("offline", 450.0)
    history = (await platform.get("/machines/BARE-1/status/history"))["items"]
    assert [event["status"] for event in history] == ["Running", "offline"]


async def test_a_command_waits_for_a_machine_that_is_away(platform: Platform) -> None:
    login = await platform.add_machine("BARE-1")
    who = {"username": login.mqtt_username, "password": login.mqtt_password}
    order = {"command": "stop_cleaning", "params": {}}
    answer = await platform.call("POST", "/machines/BARE-1/commands", json=order)
    waiting = await eventually(lambda: _command(platform, answer.json()["id"], reason=True))
    assert waiting["state"] == "queued"
    async with mosquitto.subscriber(platform.mqtt_port, topic(login, "command"), "-q", "1", **who) as machine:
        await mosquitto.publish(platform.mqtt_port, topic(login, "status"), json.dumps(RUNNING), **who)
        assert json.loads(await machine.message())["command"] == "stop_cleaning"


async def test_a_wrong_password_and_a_foreign_topic_are_refused(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    mine, other = await platform.add_machine("MINE"), await platform.add_machine("OTHER")
    sample = json.dumps(SAMPLE)
    for login in ({"username": mine.mqtt_username, "password": "wrong"}, {"username": mine.mqtt_username}, {}):
        code, _ = await mosquitto.publish(platform.mqtt_port, topic(mine, "telemetry"), sample, "-q", "1", **login)
        assert code != 0
    who = {"username": mine.mqtt_username, "password": mine.mqtt_password}
    code, said = await mosquitto.publish(
        platform.mqtt_port, topic(other, "telemetry"), sample, "-q", "1", "-V", "5", **who
    )
    assert "Not authorized" in said or code != 0
    # What is published later is stored later: once this is there, the others would be.
    await mosquitto.publish(platform.mqtt_port, topic(mine, "telemetry"), sample, "-q", "1", **who)
    assert len(await eventually(lambda: platform.telemetry("MINE"))) == 1
    assert await platform.telemetry("OTHER") == []
    assert any(
        "127.0.0.1" in record.getMessage() for record in caplog.records if record.name.startswith("sunsweep.mqtt")
    )


async def test_nothing_is_lost_while_the_ingest_is_stopped(platform: Platform) -> None:
    first = await platform.add_machine("FIRST")
    who = {"username": first.mqtt_username, "password": first.mqtt_password}
    await platform.stop_backend()
    await mosquitto.publish(platform.mqtt_port, topic(first, "telemetry"), '{"battery":12.1}', "-q", "1", **who)
    await platform.stop_broker()
    await platform.start_broker()
    await mosquitto.publish(platform.mqtt_port, topic(first, "telemetry"), '{"battery":12.2}', "-q", "1", **who)
    second = await platform.add_machine("SECOND")
    new = {"username": second.mqtt_username, "password": second.mqtt_password}
    await mosquitto.publish(platform.mqtt_port, topic(first, "telemetry"), '{"battery":12.3}', "-q", "1", **who)
    await mosquitto.publish(platform.mqtt_port, topic(second, "telemetry"), '{"battery":12.4}', "-q", "1", **new)
    await platform.start_backend()

    async def all_there() -> bool:
        return len(await platform.telemetry("FIRST")) == 3 and len(await platform.telemetry("SECOND")) == 1

    await eventually(all_there)
    assert [row["battery"] for row in await platform.telemetry("FIRST")] == [12.1, 12.2, 12.3]


async def _presence(platform: Platform, wanted: str) -> dict[str, object] | None:
    status: dict[str, object] = await platform.get("/machines/BARE-1/status")
    return status if status["presence"] == wanted else None


async def _command(platform: Platform, command_id: str, *, reason: bool) -> dict[str, object] | None:
    found: dict[str, object] = await platform.get(f"/machines/BARE-1/commands/{command_id}")
    return found if bool(found["reason"]) is reason else None
