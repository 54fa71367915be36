"""The system under test: real processes, and a bad network between them."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy.engine import make_url

from sunsweep.mqtt.backoff import Backoff
from sunsweep.mqtt.client import wall_clock_ms
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.server.broker.logins import broker_users
from sunsweep.server.db.state import set_state
from sunsweep.server.ingest.sessions import stand_ins
from tests.chaos.account import FieldReport, read_report
from tests.chaos.disk import Disk, small_disk
from tests.chaos.field import FieldOrder
from tests.chaos.proxy import HOST, Proxy, proxy_to
from tests.chaos.worker import Worker, jobs_worker, workers
from tests.support.mariadb import MariaDB
from tests.support.platform import BACKEND, Platform, new_platform

CALM_S: Final = 3.0
PROGRESS_S: Final = 5.0
SETTLED_WITHIN_S: Final = 240.0
log = logging.getLogger("chaos")


@dataclass(frozen=True)
class Size:
    """How many machines of each sort, and how often they speak."""

    numbered: int = 40
    bare: int = 8
    interval_s: float = 0.3


@dataclass
class World:
    platform: Platform
    broker: LocalBroker
    links: dict[str, Proxy]
    workers: list[Worker]
    jobs: Worker
    machines: asyncio.subprocess.Process
    folder: Path
    mariadb: MariaDB | None = None
    disk: Disk | None = None
    broker_killed_at: list[int] = field(default_factory=list)

    def signal_broker(self, number: signal.Signals) -> None:
        if self.broker.pid is not None:
            if number is signal.SIGKILL:
                self.broker_killed_at.append(wall_clock_ms())
            os.kill(self.broker.pid, number)

    def signal_database(self, number: signal.Signals) -> None:
        assert self.mariadb is not None
        os.kill(self.mariadb.pid, number)

    async def settle(self) -> FieldReport:
        """All is well again: the machines go on for a moment, then say nothing new and empty their outboxes."""
        for proxy in self.links.values():
            proxy.heal()
        await asyncio.sleep(CALM_S)
        return await end_field(self.machines, self.folder)


async def end_field(machines: asyncio.subprocess.Process, folder: Path) -> FieldReport:
    """The machines say nothing new, empty their outboxes, and end."""
    machines.send_signal(signal.SIGUSR1)
    until_s = asyncio.get_running_loop().time() + SETTLED_WITHIN_S
    while not await _ended(machines, within_s=PROGRESS_S):
        log.info("%s", _last_words(folder, 1))
        if asyncio.get_running_loop().time() > until_s:
            machines.send_signal(signal.SIGTERM)
    assert machines.returncode == 0, _last_words(folder, 30)
    return read_report(folder / "report.json")


def _last_words(folder: Path, lines: int) -> str:
    return "\n".join((folder / "field.log").read_text().splitlines()[-lines:])


@asynccontextmanager
async def world(
    folder: Path, mariadb: MariaDB | None, *, worker_count: int, size: Size, seed: int
) -> AsyncIterator[World]:
    """Everything runs; without a MariaDB on SQLite."""
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk(folder / "disk")) if mariadb is None else None
        url = mariadb.create_database() if mariadb else f"sqlite+aiosqlite:///{folder / 'disk' / 'sunsweep.db'}"
        platform = await new_platform(url, folder)
        stack.push_async_callback(platform.database.close)
        numbered = [await platform.add_machine(f"N-{number}") for number in range(size.numbered)]
        bare = [await platform.add_machine(f"B-{number}") for number in range(size.bare)]
        broker = await stack.enter_async_context(running_broker(platform, folder, members=worker_count))
        links = {name: await stack.enter_async_context(proxy_to(platform.mqtt_port)) for name in ("machines", "ingest")}
        settings = platform.settings.model_copy(update={"mqtt_url": f"mqtt://{HOST}:{links['ingest'].port}"})
        if mariadb is not None:
            links["database"] = await stack.enter_async_context(proxy_to(mariadb.port))
            settings.database_url = _at_port(url, links["database"].port)
        them = await stack.enter_async_context(workers(settings, worker_count, folder))
        jobs = await stack.enter_async_context(jobs_worker(settings, folder))
        order = FieldOrder(numbered, bare, links["machines"].port, size.interval_s, seed, str(folder / "report.json"))
        process = await stack.enter_async_context(running_field(folder, order))
        yield World(platform, broker, links, them, jobs, process, folder, mariadb, disk)


async def _ended(process: asyncio.subprocess.Process, *, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        return False
    return True


def _at_port(url: str, port: int) -> str:
    return make_url(url).set(port=port).render_as_string(hide_password=False)


@asynccontextmanager
async def running_broker(platform: Platform, folder: Path, *, members: int) -> AsyncIterator[LocalBroker]:
    """Supervised, as by `sunsweep up`: it comes back by itself."""
    password = platform.settings.mqtt_password.get_secret_value()
    async with platform.database.write() as session:
        await set_state(session, "ingest_members", members)
    sessions = await stand_ins(platform.database, BACKEND, password)
    broker = LocalBroker(folder / "broker", host=HOST, port=platform.mqtt_port, backoff=Backoff(first_s=0.2, cap_s=1.0))
    await broker.start(await broker_users(platform.database), sessions)
    running = asyncio.create_task(broker.run(), name="broker")
    try:
        yield broker
    finally:
        await broker.stop()
        await running


@asynccontextmanager
async def running_field(folder: Path, order: FieldOrder) -> AsyncIterator[asyncio.subprocess.Process]:
    (folder / "order.json").write_bytes(msgspec.json.encode(order))
    with (folder / "field.log").open("wb") as words:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.chaos.field", str(folder / "order.json"),
            stdin=asyncio.subprocess.DEVNULL, stdout=words, stderr=words, cwd=Path(__file__).parents[2],
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
