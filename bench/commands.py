#!/usr/bin/env python3
"""From the REST request to the machine's handler and to the viewer's frame, beside a bare publish on the same broker.

Single commands: each round gives one over REST and publishes one bare message to the same subscriber, in turn. Then one
stop for every machine of the company: until the last of them has it, beside as many bare publishes from one client.
Backend (api, live, dispatch, jobs) and ingest are processes of their own; MariaDB, mosquitto and the machines share the
machine with them. The machines here answer with `result`, as our program does, but do nothing.
"""

import argparse
import asyncio
import json
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import uvloop
from sqlalchemy import func, select
from websockets.asyncio.client import ClientConnection

sys.path.insert(0, str(Path(__file__).parents[1]))

from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import Message
from sunsweep.server.broker import logins
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import CommandRow, MachineStatus
from sunsweep.server.features.machines import service as machines
from sunsweep.server.features.machines.service import Login
from tests.support.mariadb import running_mariadb
from tests.support.platform import BACKEND, Platform, eventually, new_platform, topic
from tests.support.processes import ingest_process, serve_process

AT_ONCE = 50
LIMIT_A_MINUTE = "1000000"


class Answering:
    """A machine that says done to every command, and when each came; bare ones carry a number of their own."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.heard: dict[str, float] = {}
        self.came = asyncio.Event()
        self._client: MqttClient | None = None
        self._words: set[asyncio.Task[object]] = set()

    def take(self, messages: Sequence[Message]) -> None:
        now = time.perf_counter()
        for message in messages:
            order = json.loads(message.payload)
            self.heard.setdefault(order.get("id") or order["n"], now)
            if "id" in order:
                self._say("result", {"id": order["id"], "state": "succeeded"})
        self.came.set()

    async def begin(self, client: MqttClient) -> None:
        self._client = client
        self._say("status", {"status": "Idle", "session": [secrets.randbits(53) | 1, 1]})

    def _say(self, channel: str, word: object) -> None:
        assert self._client is not None
        work = self._client.publish(topic(self.login, channel), json.dumps(word).encode(), qos=1)
        task: asyncio.Task[object] = asyncio.create_task(work)
        self._words.add(task)
        task.add_done_callback(self._words.discard)

    async def until(self, key: str) -> float:
        async with asyncio.timeout(30):
            while key not in self.heard:
                self.came.clear()
                await self.came.wait()
        return self.heard[key]


async def frames(socket: ClientConnection, shown: dict[str, float], over: dict[str, asyncio.Event]) -> None:
    async for text in socket:
        now = time.perf_counter()
        frame = json.loads(text)
        if frame["type"] == "command":
            shown.setdefault(frame["data"]["id"], now)
        elif frame["type"] == "command_state" and frame["data"]["state"] == "succeeded":
            over.setdefault(frame["data"]["id"], asyncio.Event()).set()


async def singles(platform: Platform, web: httpx.AsyncClient, machine: Answering, rounds: int) -> None:
    columns: dict[str, list[float]] = {"bare": [], "answered": [], "machine": [], "frame": []}
    shown: dict[str, float] = {}
    over: dict[str, asyncio.Event] = {}
    path, commands = f"/machines/{machine.login.machine_id}/commands", topic(machine.login, "command")
    account = (BACKEND, platform.settings.mqtt_password.get_secret_value())
    async with platform.watch(machine.login.machine_id) as socket, platform.mqtt(*account) as sender:
        watching = asyncio.create_task(frames(socket, shown, over))
        for number in range(rounds):
            began = time.perf_counter()
            await sender.publish(commands, json.dumps({"command": "bare", "n": str(number)}).encode(), qos=1)
            columns["bare"].append(await machine.until(str(number)) - began)
            began = time.perf_counter()
            answer = await web.post(path, json={"command": "pause"})
            columns["answered"].append(time.perf_counter() - began)
            identifier = answer.raise_for_status().json()["id"]
            columns["machine"].append(await machine.until(identifier) - began)
            async with asyncio.timeout(30):
                await over.setdefault(identifier, asyncio.Event()).wait()
            columns["frame"].append(shown[identifier] - began)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    base = statistics.median(columns["bare"])
    print(f"{'':<34}{'p50, ms':>10}{'p99, ms':>10}{'p50 / bare':>12}")
    for name, words in (
        ("bare", "bare publish to subscriber"),
        ("answered", "REST request answered"),
        ("machine", "REST request to the machine"),
        ("frame", "REST request to the viewer's frame"),
    ):
        cuts = statistics.quantiles(columns[name], n=100)
        print(f"{words:<34}{cuts[49] * 1e3:>10.2f}{cuts[98] * 1e3:>10.2f}{cuts[49] / base:>12.1f}", flush=True)


async def everybody(platform: Platform, web: httpx.AsyncClient, herd: list[Answering]) -> None:
    account = (BACKEND, platform.settings.mqtt_password.get_secret_value())
    async with platform.mqtt(*account) as sender:
        began = time.perf_counter()
        body = json.dumps({"command": "bare", "n": "all"}).encode()
        for at in range(0, len(herd), AT_ONCE):
            part = herd[at : at + AT_ONCE]
            await asyncio.gather(*(sender.publish(topic(one.login, "command"), body, qos=1) for one in part))
        bare = [await one.until("all") - began for one in herd]
    known = [set(one.heard) for one in herd]
    began = time.perf_counter()
    answer = await web.post("/commands", json={"command": "stop_cleaning", "filter": {"all": True}})
    answered = time.perf_counter() - began
    answer.raise_for_status()

    async def all_have_it() -> bool:
        return all(set(one.heard) - before for one, before in zip(herd, known, strict=True))

    await eventually(all_have_it, within_s=60)
    times = [
        max(one.heard[key] for key in set(one.heard) - before) - began for one, before in zip(herd, known, strict=True)
    ]

    async def all_are_over() -> bool:
        async with platform.database.read() as session:
            stops = select(func.count()).where(CommandRow.command == "stop_cleaning", CommandRow.state == "succeeded")
            return (await session.scalar(stops) or 0) >= len(herd)

    await eventually(all_are_over, within_s=60)
    confirmed = time.perf_counter() - began
    print(f"\none stop for {len(herd):,} machines")
    print(f"{'bare publishes, the last':<34}{max(bare) * 1e3:>10.0f} ms")
    print(f"{'REST request answered':<34}{answered * 1e3:>10.0f} ms")
    print(f"{'the median machine has it':<34}{statistics.median(times) * 1e3:>10.0f} ms")
    print(f"{'the last machine has it':<34}{max(times) * 1e3:>10.0f} ms{max(times) / max(bare):>10.1f} x bare")
    print(f"{'the last one is confirmed':<34}{confirmed * 1e3:>10.0f} ms", flush=True)


async def add(platform: Platform, number: int) -> list[Answering]:
    async with platform.database.write() as session:
        made = [await machines.add(session, 1, f"BENCH-{n:05d}", now_ms=wall_clock()) for n in range(number)]
    await logins.wait_applied(platform.database, now_ms=wall_clock)
    return [Answering(login) for _, login in made]


async def connect(platform: Platform, machine: Answering, stack: AsyncExitStack) -> None:
    login = machine.login
    client = await stack.enter_async_context(
        platform.mqtt(login.mqtt_username, login.mqtt_password, topic(login, "command"), on_messages=machine.take)
    )
    await machine.begin(client)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--machines", type=int, default=1000)
    options = parser.parse_args()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running_mariadb(folder / "mariadb", syncs=True))
        platform = await new_platform(server.create_database(), folder)
        stack.push_async_callback(platform.stop)
        await platform.start_broker()
        herd = await add(platform, options.machines)
        roles = "api,live,dispatch,jobs"
        await stack.enter_async_context(
            serve_process(platform.settings, roles, SUNSWEEP_COMMANDS_PER_MINUTE=LIMIT_A_MINUTE)
        )
        await stack.enter_async_context(ingest_process(platform.settings))
        await eventually(platform.ready, within_s=30)
        for at in range(0, len(herd), AT_ONCE):
            await asyncio.gather(*(connect(platform, one, stack) for one in herd[at : at + AT_ONCE]))

        async def all_are_here() -> bool:
            async with platform.database.read() as session:
                here = select(func.count()).where(MachineStatus.in_session, MachineStatus.presence == "online")
                return (await session.scalar(here) or 0) >= len(herd)

        await eventually(all_are_here, within_s=60)
        bearer = {"authorization": f"Bearer {await platform.token('admin@example.com')}"}
        web = await stack.enter_async_context(platform.web("/api/v1", headers=bearer, timeout=60))
        await singles(platform, web, herd[0], options.rounds)
        await everybody(platform, web, herd)


if __name__ == "__main__":
    uvloop.run(main())
