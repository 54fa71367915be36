"""Dispatchers, bare machines and orders for tests of commands on their way."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.drivers.bench_sky import BenchSky
from sunsweep.machine.drivers.body import Body, Build
from sunsweep.machine.drivers.simulated import embody, morning_clock
from sunsweep.machine.ports import Hardware
from sunsweep.machine.program import Machine as MachineProgram
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import Message
from sunsweep.server.clock import wall_clock
from sunsweep.server.dispatch.dispatcher import Dispatcher, over
from sunsweep.server.features.machines.service import Login
from sunsweep.server.roles import connection, run_ingest
from tests.support.platform import Platform, eventually, ingest_begins, new_platform, topic


@asynccontextmanager
async def started(url: str, folder: Path) -> AsyncIterator[Platform]:
    """Broker, web and ingest; each test starts its own dispatchers."""
    running = await new_platform(url, folder)
    try:
        await running.start_broker()
        await running.start_web()
        async with ingest_begins():
            running._spawn("backend", run_ingest(running.settings))
        yield running
    finally:
        await running.stop()


class Time:
    """The wall clock, which may be set forward."""

    ahead_ms = 0

    def __call__(self) -> int:
        return wall_clock() + self.ahead_ms


@asynccontextmanager
async def dispatcher(platform: Platform, time: Time | None = None) -> AsyncIterator[Dispatcher]:
    running = Dispatcher(platform.database, over(connection(platform.settings, "dispatch")), now_ms=time or Time())
    task = asyncio.create_task(running.run(), name="dispatcher")
    try:
        await asyncio.wait_for(running._client.wait_connected(), 30)
        yield running
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Bare:
    """A bare machine of ours that listens."""

    def __init__(self, login: Login, client: MqttClient, heard: list[Message]) -> None:
        self._login = login
        self._client = client
        self._heard = heard

    @property
    def orders(self) -> list[str]:
        return [json.loads(message.payload)["command"] for message in self._heard]

    @property
    def ids(self) -> list[str]:
        return [json.loads(message.payload)["id"] for message in self._heard]

    async def says(self, status: str = "Idle", **fields: Any) -> None:
        await self._client.publish(topic(self._login, "status"), json.dumps({"status": status} | fields).encode())

    async def answers(self, command_id: str, state: str) -> None:
        word = json.dumps({"id": command_id, "state": state}).encode()
        await self._client.publish(topic(self._login, "result"), word, qos=1)


@asynccontextmanager
async def bare(platform: Platform, login: Login) -> AsyncIterator[Bare]:
    heard: list[Message] = []
    commands = topic(login, "command")
    async with platform.mqtt(login.mqtt_username, login.mqtt_password, commands, on_messages=heard.extend) as client:
        yield Bare(login, client, heard)


async def give(platform: Platform, serial: str, command: str, **more: Any) -> str:
    """The command's id."""
    order = {"command": command, "params": {}, **more}
    answer = await platform.call("POST", f"/machines/{serial}/commands", json=order)
    identifier: str = answer.raise_for_status().json()["id"]
    return identifier


async def command(platform: Platform, serial: str, command_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await platform.get(f"/machines/{serial}/commands/{command_id}")
    return found


async def becomes(platform: Platform, serial: str, command_id: str, state: str) -> dict[str, Any]:
    async def it_is() -> dict[str, Any] | None:
        found = await command(platform, serial, command_id)
        return found if found["state"] == state else None

    found: dict[str, Any] = await eventually(it_is)
    return found


async def online(platform: Platform, machine: Bare, serial: str, **fields: Any) -> None:
    await machine.says(**fields)

    async def it_is() -> bool:
        return bool((await platform.get(f"/machines/{serial}/status"))["presence"] == "online")

    await eventually(it_is)


def as_it_is(hardware: Hardware) -> Hardware:
    return hardware


@asynccontextmanager
async def real_machine(
    platform: Platform, login: Login, *, fitted: Callable[[Hardware], Hardware] = as_it_is
) -> AsyncIterator[MachineProgram]:
    """The machine program on a simulated body, `fitted` with what a test adds; its time runs 20 times as fast."""
    clock, random = SystemClock(), Random(7)
    config = MachineConfig(
        broker=platform.settings.mqtt_url,
        company_id=login.company_id,
        machine_id=login.machine_id,
        mqtt_username=login.mqtt_username,
        mqtt_password=login.mqtt_password,
        telemetry_interval_s=0.2,
    )
    body = Body(Build(), BenchSky(), morning_clock(clock, speed=20), random)
    machine = MachineProgram(config, fitted(embody(body)), clock=clock, random=random)
    task = asyncio.create_task(machine.run(), name="machine")
    try:
        yield machine
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def is_online(platform: Platform, serial: str) -> bool:
    return bool((await platform.get(f"/machines/{serial}/status"))["presence"] == "online")


async def reason_of(platform: Platform, serial: str, command_id: str) -> str:
    return str((await command(platform, serial, command_id))["reason"])


async def as_value(value: Any) -> Any:
    return value
