"""`dispatch` dies between commit and publish, and between publish and mark: nothing is lost, nothing is doubled."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from sunsweep.machine.ports import Drive, Hardware, Plan
from sunsweep.mqtt.port import Message
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import CommandRow, Lease, MachineStatus
from sunsweep.server.features.commands import service
from sunsweep.server.features.commands.service import Wish
from sunsweep.server.features.machines.service import Login, known
from sunsweep.server.roles import run_ingest
from tests.support.dispatching import Time, dispatcher, real_machine
from tests.support.dying_dispatch import Point, dispatch_until_killed
from tests.support.platform import Platform, eventually, ingest_begins, new_platform, topic

A_FEW = 3
MANY = pytest.param(50, marks=[pytest.mark.prove, pytest.mark.timeout(1800)])
"""Rounds; in each a start and a stop, and a death at each of them."""
LATER_MS = 3_600_000
SERIAL = "SCM-1"


@pytest.fixture
async def site(sqlite_url: str, tmp_path: Path) -> AsyncIterator[tuple[Platform, Login]]:
    """Broker and ingest, and a machine's login; the dispatchers come and go."""
    running = await new_platform(sqlite_url, tmp_path)
    try:
        login = await running.add_machine(SERIAL)
        await running.start_broker()
        async with ingest_begins():
            running._spawn("backend", run_ingest(running.settings))
        yield running, login
    finally:
        await running.stop()


class CountingDrive:
    """The simulated drive, and how often it was told what."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self.told: Counter[str] = Counter()

    async def start(self, plan: Plan) -> None:
        self.told["start"] += 1
        await self._drive.start(plan)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._drive, name)


@asynccontextmanager
async def living_dispatcher(platform: Platform, ahead_ms: int = 0) -> AsyncIterator[None]:
    """A sound one; the lease of the dead one before it has lapsed."""
    async with platform.database.write() as session:
        await session.execute(update(Lease).where(Lease.name == "dispatch").values(expires_at=0))
    time = Time()
    time.ahead_ms = ahead_ms
    async with dispatcher(platform, time):
        yield


async def give(platform: Platform, command: str) -> str:
    async with platform.database.write() as session:
        machine = await known(session, 1, SERIAL, lock=True)
        row, _ = await service.give(session, machine, Wish(command, {}), user_id=None, now_ms=wall_clock())
        await session.execute(update(Lease).where(Lease.name == "dispatch").values(expires_at=0))
        return row.id


async def command(platform: Platform, command_id: str) -> CommandRow:
    async with platform.database.read() as session:
        return (await session.scalars(select(CommandRow).where(CommandRow.id == command_id))).one()


async def comes_to(platform: Platform, command_id: str, *states: str) -> str:
    async def it_has() -> str | None:
        row = await command(platform, command_id)
        return row.state if row.state in states else None

    state: str = await eventually(it_has, within_s=30)
    return state


async def is_online(platform: Platform, *, in_session: bool) -> bool:
    async with platform.database.read() as session:
        status = await session.scalar(select(MachineStatus))
        return status is not None and status.presence == "online" and status.in_session is in_session


async def given_through_a_death(platform: Platform, order: str, point: Point) -> str:
    command_id = await give(platform, order)
    await dispatch_until_killed(platform.settings, point)
    return command_id


@pytest.mark.parametrize("rounds", [A_FEW, MANY])
@pytest.mark.parametrize("point", list(Point))
async def test_a_machine_that_answers_does_each_command_once(
    site: tuple[Platform, Login], point: Point, rounds: int
) -> None:
    platform, login = site
    drives: list[CountingDrive] = []

    def counted(hardware: Hardware) -> Hardware:
        drives.append(CountingDrive(hardware.drive))
        return hardware._replace(drive=drives[0])

    async with real_machine(platform, login, fitted=counted):
        await eventually(lambda: is_online(platform, in_session=True))
        for number in range(1, rounds + 1):
            for order in ("start_cleaning", "stop_cleaning"):
                command_id = await given_through_a_death(platform, order, point)
                async with living_dispatcher(platform):
                    state = await comes_to(platform, command_id, "succeeded", "failed", "rejected", "unconfirmed")
                assert state == "succeeded", (number, order, (await command(platform, command_id)).reason)
            assert drives[0].told["start"] == number


class Bare:
    """A machine that speaks the customer's contract and nothing more."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def take(self, messages: list[Message]) -> None:
        self.heard += [json.loads(message.payload) for message in messages]

    def times(self, command_id: str) -> int:
        return sum(order["id"] == command_id for order in self.heard)


@pytest.mark.parametrize("rounds", [A_FEW, MANY])
@pytest.mark.parametrize(("point", "heard"), [(Point.BEFORE_PUBLISH, 0), (Point.AFTER_PUBLISH, 1)])
async def test_a_bare_machine_gets_a_start_at_most_once_and_what_is_unknown_is_said(
    site: tuple[Platform, Login], point: Point, heard: int, rounds: int
) -> None:
    platform, login = site
    machine = Bare()
    take: Callable[[Any], None] = machine.take
    commands = topic(login, "command")
    async with platform.mqtt(login.mqtt_username, login.mqtt_password, commands, on_messages=take) as client:
        await client.publish(topic(login, "status"), b'{"status":"Idle"}', qos=1)
        await eventually(lambda: is_online(platform, in_session=False))
        given = []
        for _ in range(2 * rounds):
            given.append(await given_through_a_death(platform, "start_cleaning", point))
            async with living_dispatcher(platform):
                last = await give(platform, "pause")
                await comes_to(platform, last, "sent", "unconfirmed")
        # Half an hour later, too, nobody has sent them again.
        async with living_dispatcher(platform, LATER_MS):
            for command_id in given:
                await comes_to(platform, command_id, "unconfirmed")
    assert [machine.times(command_id) for command_id in given] == [heard] * len(given)
