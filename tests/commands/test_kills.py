"""A dispatch that is killed before or after it publishes: no command is lost, and none is doubled on the machine."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from sqlalchemy import update

from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.ports import Activity, Hardware
from sunsweep.machine.program import Machine as MachineProgram
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import Lease
from sunsweep.server.dispatch import dispatcher as dispatching
from sunsweep.server.dispatch.dispatcher import Dispatcher, over
from sunsweep.server.features.machines.service import Login
from sunsweep.server.roles import connection, run_ingest
from tests.machine.fakes import FakeBody
from tests.support.platform import Platform, eventually, new_platform

SILENT_MS: Final = 31_000
"""After which a command that nobody has answered is called unconfirmed."""


class Killed:
    """A platform whose dispatch dies at every command of one machine, and is followed by one that does not."""

    def __init__(self, platform: Platform, login: Login, where: str) -> None:
        self.platform = platform
        self.login = login
        self._where = where
        self._ahead_ms = 0

    async def give(self, command: str) -> str:
        answer = await self.platform.call("POST", f"{self._commands}", json={"command": command})
        identifier: str = answer.raise_for_status().json()["id"]
        return identifier

    async def row(self, command_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.platform.get(f"{self._commands}/{command_id}")
        return found

    async def die(self) -> None:
        """A dispatch that takes the next command in hand, and does not outlive it."""
        topic = MachineTopic(self.login.company_id, self.login.machine_id, Channel.COMMAND)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.commands.mortal_dispatch", self._where, str(topic)),
            env=os.environ | self._environment(),
            cwd=Path(__file__).parents[2],
        )
        async with asyncio.timeout(30):
            assert await process.wait() == -signal.SIGKILL
        # As if the ten seconds had passed after which its lease lapses.
        async with self.platform.database.write() as session:
            await session.execute(update(Lease).where(Lease.name == "dispatch").values(expires_at=0))

    @asynccontextmanager
    async def alive(self, *, ahead_ms: int = 0) -> AsyncIterator[None]:
        connect = over(connection(self.platform.settings, "dispatch"))
        running = Dispatcher(self.platform.database, connect, now_ms=lambda: wall_clock() + ahead_ms)
        task = asyncio.create_task(running.run(), name="dispatcher")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def becomes(self, command_id: str, *states: str) -> None:
        async def it_is() -> bool:
            return (await self.row(command_id))["state"] in states

        await eventually(it_is)

    @property
    def _commands(self) -> str:
        return f"/machines/{self.login.machine_id}/commands"

    def _environment(self) -> dict[str, str]:
        settings = self.platform.settings
        return {
            "SUNSWEEP_DATABASE_URL": settings.database_url,
            "SUNSWEEP_MQTT_URL": settings.mqtt_url,
            "SUNSWEEP_MQTT_USERNAME": settings.mqtt_username or "",
            "SUNSWEEP_MQTT_PASSWORD": settings.mqtt_password.get_secret_value(),
            "SUNSWEEP_SECRET_KEY": settings.secret_key.get_secret_value(),
        }


@pytest.fixture
async def platform(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    monkeypatch.setattr(dispatching, "SWEEP_S", 0.5)
    running = await new_platform(sqlite_url, tmp_path)
    try:
        await running.start_broker()
        await running.start_web()
        running._spawn("backend", run_ingest(running.settings))
        yield running
    finally:
        await running.stop()


class Counted(FakeBody):
    """Stands in a field, and counts starts and stops."""

    def __init__(self) -> None:
        super().__init__()
        self.see(activity=Activity.STANDING)

    def count(self, call: str) -> int:
        return sum(one.startswith(call) for one in self.calls)


@asynccontextmanager
async def real_machine(platform: Platform, login: Login, body: Counted, folder: Path) -> AsyncIterator[None]:
    config = MachineConfig(
        broker=platform.settings.mqtt_url,
        company_id=login.company_id,
        machine_id=login.machine_id,
        mqtt_username=login.mqtt_username,
        mqtt_password=login.mqtt_password,
        state_dir=str(folder / "machine"),
    )
    machine = MachineProgram(config, Hardware(body, body), clock=SystemClock(), random=Random(7))
    task = asyncio.create_task(machine.run(), name="machine")
    try:
        await eventually(lambda: is_online(platform, login.machine_id))
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def is_online(platform: Platform, serial: str) -> bool:
    return bool((await platform.get(f"/machines/{serial}/status"))["presence"] == "online")


async def kill_with_a_real_machine(platform: Platform, folder: Path, where: str, times: int) -> None:
    killed = Killed(platform, await platform.add_machine("REAL"), where)
    body = Counted()
    async with real_machine(platform, killed.login, body, folder):
        halts = body.count("halt")  # it also halts when it begins
        for n in range(1, times + 1):
            for order in ("start_cleaning", "stop_cleaning"):
                given = await killed.give(order)
                await killed.die()
                async with killed.alive():
                    await killed.becomes(given, "succeeded")
            assert (body.count("start"), body.count("halt") - halts) == (n, n)


async def kill_with_a_bare_machine(platform: Platform, where: str, times: int) -> None:
    login = await platform.add_machine("BARE")
    killed = Killed(platform, login, where)
    heard: list[Any] = []
    topic = str(MachineTopic(login.company_id, login.machine_id, Channel.COMMAND))
    status = topic.removesuffix("command") + "status"
    async with platform.mqtt(login.mqtt_username, login.mqtt_password, topic, on_messages=heard.extend) as machine:
        await machine.publish(status, b'{"status":"Idle"}', qos=1)
        await eventually(lambda: is_online(platform, "BARE"))
        for n in range(1, times + 1):
            given = await killed.give("start_cleaning")
            await killed.die()
            async with killed.alive(ahead_ms=SILENT_MS):
                await killed.becomes(given, "unconfirmed")
            await machine.publish(status, b'{"status":"Idle"}', qos=1)
            assert len(heard) == (0 if where == "before" else n)


CASES: Final = pytest.mark.parametrize("where", ["before", "after"])


@CASES
@pytest.mark.timeout(230)
async def test_a_real_machine_does_each_command_once(platform: Platform, tmp_path: Path, where: str) -> None:
    await kill_with_a_real_machine(platform, tmp_path, where, 3)


@CASES
@pytest.mark.timeout(230)
async def test_a_bare_machine_hears_a_start_once_at_most_and_nobody_calls_it_done(
    platform: Platform, where: str
) -> None:
    await kill_with_a_bare_machine(platform, where, 5)


@CASES
@pytest.mark.prove
@pytest.mark.timeout(230)
@pytest.mark.parametrize("_ten", range(10))
async def test_a_hundred_kills_with_a_real_machine(platform: Platform, tmp_path: Path, where: str, _ten: int) -> None:
    await kill_with_a_real_machine(platform, tmp_path, where, 5)


@CASES
@pytest.mark.prove
@pytest.mark.timeout(230)
@pytest.mark.parametrize("_ten", range(10))
async def test_a_hundred_kills_with_a_bare_machine(platform: Platform, where: str, _ten: int) -> None:
    await kill_with_a_bare_machine(platform, where, 10)
