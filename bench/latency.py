#!/usr/bin/env python3
"""From publish to the viewer's WebSocket frame, beside a bare MQTT subscriber of the same messages, in the same run.

A probe machine publishes 50 samples a second at QoS 1 while 1,000 others publish as many as the row says. Ingest,
backend (api, live, dispatch, jobs), broker, database and load are processes of their own on this machine. "more" is the
difference message by message: what the live path adds to MQTT itself. It does not wait for the commit.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import uvloop
from websockets.asyncio.client import ClientConnection

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.ingest import LOAD_RULES
from bench.load import serial

from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.mqtt.port import Message
from sunsweep.server.broker.accounts import set_account
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import Machine
from tests.support.mariadb import running_mariadb
from tests.support.platform import BACKEND, Platform, eventually, new_platform
from tests.support.processes import ingest_process, serve_process

PROBE = "PROBE-1"
MACHINES = 1000
EVERY_S = 0.02
SETTLE_S = 2.0


class Probe:
    """Samples with a number each, and when they went out and came in."""

    def __init__(self) -> None:
        self.sent: dict[int, float] = {}
        self.heard: dict[int, float] = {}
        self.shown: dict[int, float] = {}

    def take(self, messages: Sequence[Message]) -> None:
        now = time.perf_counter()
        for message in messages:
            self.heard.setdefault(json.loads(message.payload)["extra"]["n"], now)

    async def watch(self, socket: ClientConnection) -> None:
        async for text in socket:
            now = time.perf_counter()
            frame = json.loads(text)
            if frame["type"] == "telemetry":
                self.shown.setdefault(frame["data"]["extra"]["n"], now)

    def figures(self) -> tuple[list[float], list[float], list[float]]:
        """Milliseconds: bare subscriber, WebSocket, and the difference, of each message that reached both."""
        both = sorted(self.sent.keys() & self.heard.keys() & self.shown.keys())
        bare = [(self.heard[n] - self.sent[n]) * 1e3 for n in both]
        shown = [(self.shown[n] - self.sent[n]) * 1e3 for n in both]
        return bare, shown, [b - a for a, b in zip(bare, shown, strict=True)]


@asynccontextmanager
async def process(*arguments: str, env: dict[str, str]) -> AsyncIterator[None]:
    running = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=os.environ | env)
    try:
        yield
    finally:
        if running.returncode is None:
            running.terminate()
        await running.wait()


async def measure(platform: Platform, login: tuple[str, str], rate: int, seconds: float) -> Probe:
    probe = Probe()
    topic = str(MachineTopic(1, PROBE, Channel.TELEMETRY))
    password = platform.settings.mqtt_password.get_secret_value()
    load = [str(Path(__file__).parent / "load.py"), "127.0.0.1", str(platform.mqtt_port), BACKEND, password]
    messages = str(int(rate * (seconds + 2 * SETTLE_S)))
    async with (
        platform.mqtt(*login, topic, on_messages=probe.take),
        platform.mqtt(*login) as sender,
        platform.watch(PROBE) as socket,
        process(*load, str(MACHINES), messages, str(int(time.time())), str(rate), env={}),
    ):
        watching = asyncio.create_task(probe.watch(socket))
        await asyncio.sleep(SETTLE_S)
        ends = time.perf_counter() + seconds
        n = 0
        while time.perf_counter() < ends:
            n += 1
            probe.sent[n] = time.perf_counter()
            await sender.publish(topic, b'{"battery":13.5,"extra":{"n":%d}}' % n, qos=1)
            await asyncio.sleep(EVERY_S)
        await asyncio.sleep(SETTLE_S)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return probe


def show(rate: int, probe: Probe) -> None:
    columns = []
    for values in probe.figures():
        cuts = statistics.quantiles(values, n=100)
        columns.append(f"{cuts[49]:>9.2f}{cuts[98]:>9.2f}")
    print(f"{rate:>8,}{''.join(columns)}{len(probe.shown):>8,} of {len(probe.sent):,}", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[500, 2000, 10_000])
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running_mariadb(folder / "mariadb", syncs=True))
        platform = await new_platform(server.create_database(), folder)
        stack.push_async_callback(platform.stop)
        async with platform.database.write() as session:
            session.add_all(Machine(company_id=1, serial=serial(n), created_at=wall_clock()) for n in range(MACHINES))
            await set_account(session, BACKEND, platform.settings.mqtt_password.get_secret_value(), LOAD_RULES)
        await platform.start_broker()
        login = await platform.add_machine(PROBE)
        await stack.enter_async_context(serve_process(platform.settings, "api,live,dispatch,jobs"))
        await stack.enter_async_context(ingest_process(platform.settings))
        await eventually(platform.ready, within_s=30)
        print(f"{'':>8}{'bare MQTT, ms':>18}{'WebSocket, ms':>18}{'more, ms':>18}")
        print(f"{'msg/s':>8}{('p50'.rjust(9) + 'p99'.rjust(9)) * 3}{'frames':>8}")
        for rate in options.rates:
            show(rate, await measure(platform, (login.mqtt_username, login.mqtt_password), rate, options.seconds))


if __name__ == "__main__":
    uvloop.run(main())
