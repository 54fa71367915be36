#!/usr/bin/env python3
"""Memory of the backend under load, with a database that is slow half of the time and a viewer that never reads.

`sunsweep ingest` and `sunsweep serve` as processes of their own, QoS 1 at a steady rate, MariaDB behind a proxy that
delays every packet for half of each minute. Exit code 1 where a process grows beyond the bound.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import mqtt5
import psutil
from sqlalchemy.engine import make_url

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.load import BODY, Publisher

from sunsweep.contract.times import iso
from sunsweep.contract.topics import Channel, MachineTopic
from tests.chaos.proxy import HOST, Proxy, proxy_to
from tests.server.viewers import deaf_viewer
from tests.support.mariadb import running_mariadb
from tests.support.platform import Platform, eventually, new_platform
from tests.support.processes import ingest_process, serve_process

MIB: Final = 2**20
BOUND_MIB: Final = 400
"""Of one process: the program itself (100), 64 MiB that wait, and what 4,000 unacknowledged messages of up to 64 KiB
weigh at most (250)."""
SAMPLE_S: Final = 2.0
TICK_S: Final = 0.05
SLOW_S: Final = 30.0
WINDOW: Final = 20_000


@dataclass
class Curve:
    """A process's memory (MiB) over time (minutes)."""

    name: str
    pid: int
    minutes: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)

    def take(self, minute: float) -> None:
        self.minutes.append(minute)
        self.rss.append(psutil.Process(self.pid).memory_info().rss / MIB)

    @property
    def slope(self) -> float:
        """MiB a minute in the last quarter."""
        quarter = max(2, len(self.rss) // 4)
        return statistics.linear_regression(self.minutes[-quarter:], self.rss[-quarter:]).slope

    def __str__(self) -> str:
        return (
            f"{self.name:<8}{self.rss[0]:>10.0f}{max(self.rss):>10.0f}{self.rss[-1]:>10.0f}{self.slope:>16.2f}"
            f"{BOUND_MIB:>10}"
        )


async def feed(port: int, password: str, machines: int, rate: int, acknowledged: Counter[str]) -> None:
    """So many messages a second, as far as the broker acknowledges them."""
    _, link = await asyncio.get_running_loop().create_connection(Publisher, HOST, port)
    link.transport.write(mqtt5.ConnectPacket("load", username="load", password=password.encode()).write())
    await link.until(1)
    topics = [str(MachineTopic(1, f"M-{number}", Channel.TELEMETRY)) for number in range(machines)]
    started, sent = time.monotonic(), 0
    while not link.transport.is_closing():
        due = int((time.monotonic() - started) * rate)
        ts = iso(time.time_ns() // 1_000_000).encode()
        link.transport.write(b"".join(packet(topics, number, ts) for number in range(sent, due)))
        sent = due
        await link.until(sent + 1 - WINDOW)
        acknowledged["messages"] = link.acknowledged
        await asyncio.sleep(TICK_S)


def packet(topics: list[str], number: int, ts: bytes) -> bytes:
    turn, machine = divmod(number, len(topics))
    return mqtt5.PublishPacket(
        topics[machine], BODY % (ts, 1, turn + 1), qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=number % 60_000 + 1
    ).write()


async def slow_down(database: Proxy, delay_s: float) -> None:
    while True:
        database.delay_s = delay_s
        await asyncio.sleep(SLOW_S)
        database.heal()
        await asyncio.sleep(SLOW_S)


async def measure(url: str, folder: Path, options: argparse.Namespace) -> list[Curve]:
    platform = await new_platform(url, folder)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(platform.stop)
        await platform.start_broker()
        await asyncio.gather(*(platform.add_machine(f"M-{number}") for number in range(options.machines)))
        password = await platform.add_service_account("load", ("publish", "company/#"))
        address = make_url(url)
        database = await stack.enter_async_context(proxy_to(address.port or 3306))
        slow = address.set(port=database.port).render_as_string(hide_password=False)
        settings = platform.settings.model_copy(update={"database_url": slow})
        ingest = await stack.enter_async_context(ingest_process(settings))
        web = await stack.enter_async_context(serve_process(settings, "api,live,dispatch,jobs"))
        await eventually(platform.ready, within_s=60)
        await stack.enter_async_context(deaf_viewer(platform, "M-0"))
        curves = [Curve("ingest", ingest.pid), Curve("serve", web.pid)]
        await watch(platform, database, password, curves, options)
    return curves


async def watch(
    platform: Platform, database: Proxy, password: str, curves: list[Curve], options: argparse.Namespace
) -> None:
    acknowledged: Counter[str] = Counter()
    work = [
        asyncio.create_task(feed(platform.mqtt_port, password, options.machines, options.rate, acknowledged)),
        asyncio.create_task(slow_down(database, options.delay)),
    ]
    started = time.monotonic()
    while (minute := (time.monotonic() - started) / 60) < options.minutes and not any(task.done() for task in work):
        for curve in curves:
            curve.take(minute)
        await asyncio.sleep(SAMPLE_S)
    print(f"{acknowledged['messages'] / (time.monotonic() - started):,.0f} msg/s taken by the broker")
    for task in work:
        task.cancel()
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="60 for the whole proof")
    parser.add_argument("--rate", type=int, default=5000, help="messages a second")
    parser.add_argument("--machines", type=int, default=100)
    parser.add_argument("--delay", type=float, default=0.1, help="seconds that a packet of the slow database takes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running_mariadb(Path(name) / "mariadb", syncs=True) as server:
        curves = asyncio.run(measure(server.create_database(), Path(name), options))
    print(f"{options.rate:,} msg/s for {options.minutes:g} min, the database slow for half of each minute; MiB")
    print(f"{'':<8}{'start':>10}{'peak':>10}{'end':>10}{'last 1/4, /min':>16}{'bound':>10}")
    for curve in curves:
        print(curve)
    return int(any(max(curve.rss) > BOUND_MIB for curve in curves))


if __name__ == "__main__":
    sys.exit(main())
