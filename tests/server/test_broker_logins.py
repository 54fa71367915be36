"""Logins change in one process and bite at the local broker of another; the broker dies and comes back."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from sunsweep.mqtt.port import BrokerUser, Member, Message
from sunsweep.server.broker import logins
from sunsweep.server.broker.sync import keep_in_step
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Machine, TelemetryRow
from sunsweep.server.features.machines import service as machines
from tests.support import mosquitto
from tests.support.platform import Platform, eventually, new_platform, running_platform, topic


@pytest.fixture
async def platform(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    async with running_platform(sqlite_url, tmp_path) as running:
        yield running


@pytest.fixture
async def elsewhere(platform: Platform) -> AsyncIterator[Database]:
    """The database as another process has it."""
    database = Database(platform.settings.database_url)
    yield database
    await database.close()


async def test_a_login_made_and_ended_elsewhere_bites_within_a_second(platform: Platform, elsewhere: Database) -> None:
    async with elsewhere.write() as session:
        _, login = await machines.add(session, 1, "NEW", now_ms=wall_clock())
    who = {"username": login.mqtt_username, "password": login.mqtt_password}

    async def may_enter() -> bool:
        return (await mosquitto.publish(platform.mqtt_port, topic(login, "status"), "{}", "-q", "1", **who))[0] == 0

    await eventually(may_enter, within_s=1.5)
    async with platform.mqtt(login.mqtt_username, login.mqtt_password) as client:
        async with elsewhere.write() as session:
            machine = (await session.scalars(select(Machine))).one()
            await machines.change(session, machine, {"enabled": False}, now_ms=wall_clock())

        async def thrown_out() -> bool:
            return not client.connected

        await eventually(thrown_out, within_s=1.5)
    assert not await may_enter()


async def test_where_no_runner_lives_nobody_waits_for_it(tmp_path: Path, sqlite_url: str) -> None:
    lonely = await new_platform(sqlite_url, tmp_path)
    async with asyncio.timeout(1):
        assert not await logins.wait_applied(lonely.database, now_ms=wall_clock)
    await lonely.stop()


async def test_a_runner_that_takes_long_is_waited_for(tmp_path: Path, database_url: str) -> None:
    """As with ten thousand logins: longer than it may be silent before it counts as away."""
    slow = await new_platform(database_url, tmp_path)
    broker = SlowBroker()
    shown = await logins.wanted(slow.database)
    await logins.applied(slow.database, shown, now_ms=wall_clock())
    work = keep_in_step(slow.database, broker, shown=shown, now_ms=wall_clock, members=broker.members, gather_s=0.05)
    running = asyncio.create_task(work, name="in-step")
    try:
        async with slow.database.write() as session:
            await machines.add(session, 1, "M-1", now_ms=wall_clock())
        assert await logins.wait_applied(slow.database, now_ms=wall_clock)
        assert broker.applied == 1
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await slow.stop()


class SlowBroker:
    """Takes its time for each change."""

    applied = 0

    async def apply(self, users: list[BrokerUser]) -> None:
        assert users
        await asyncio.sleep((logins.RUNNER_AWAY_MS + 1000) / 1000)
        self.applied += 1

    def stand_in_for(self, members: Sequence[Member]) -> None:
        assert not members

    async def members(self) -> list[Member]:
        return []


async def test_a_broker_that_is_killed_comes_back_and_all_goes_on(platform: Platform) -> None:
    login = await platform.add_machine("M-1")
    assert platform._broker is not None
    first = platform._broker.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    who = {"username": login.mqtt_username, "password": login.mqtt_password}

    async def stored() -> bool:
        await mosquitto.publish(platform.mqtt_port, topic(login, "telemetry"), "{}", "-q", "1", **who)
        return bool(await platform.telemetry("M-1"))

    await eventually(stored, within_s=20)
    assert platform._broker.pid != first
    order = await platform.call("POST", "/machines/M-1/commands", json={"command": "resume"})
    assert order.status_code == 202
    later = await platform.add_machine("M-2")
    async with platform.mqtt(later.mqtt_username, later.mqtt_password) as client:
        assert client.connected


async def test_a_session_that_asks_for_the_time_is_told(platform: Platform) -> None:
    login = await platform.add_machine("M-1")
    told: list[Message] = []
    receipts = topic(login, "receipt")
    async with platform.mqtt(login.mqtt_username, login.mqtt_password, receipts, on_messages=told.extend) as client:
        for _ in range(20):
            await client.publish(topic(login, "status"), b'{"status":"Idle","session":[7,1]}', qos=1)

        async def answered() -> list[Message]:
            return told

        (receipt,) = await eventually(answered)
    assert json.loads(receipt.payload).keys() == {"now"}


@pytest.mark.parametrize("end", ["moved", "archived"])
async def test_what_waits_for_a_machine_that_is_gone_is_its_history(platform: Platform, end: str) -> None:
    login = await platform.add_machine("M-1")
    await platform.stop_backend()
    async with platform.mqtt(login.mqtt_username, login.mqtt_password) as client:
        await client.publish(topic(login, "telemetry"), b'{"battery":12}', qos=1)
    async with platform.database.write() as session:
        machine = await machines.known(session, 1, "M-1", lock=True)
        if end == "moved":
            await machines.move(session, machine, 2, now_ms=wall_clock())
        else:
            await machines.archive(session, machine, now_ms=wall_clock())
    await platform.start_backend()

    async def stored() -> list[int]:
        async with platform.database.read() as session:
            return list(await session.scalars(select(TelemetryRow.machine_id)))

    assert await eventually(stored) == [machine.id]
    assert (await platform.get("/dead-letters", as_="root@example.com"))["items"] == []
