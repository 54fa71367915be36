"""Everything that the fleet talks to, each part a process of its own, so that what it costs can be told."""

import asyncio
import os
import resource
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import msgspec
import psutil
from bench.fleet_field import FleetOrder, FleetReport, Said
from prometheus_client.parser import text_string_to_metric_families

from sunsweep.mqtt.passwords import generate_password, generate_salt, hash_password
from sunsweep.server.broker import logins
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Machine, MachineCredential
from sunsweep.server.features.machines.service import Login
from tests.support.mariadb import running_mariadb
from tests.support.platform import Platform, eventually, new_platform
from tests.support.ports import free_port
from tests.support.processes import ingest_process, serve_process

COMPANY: Final = 1
AT_ONCE: Final = 1000
MIB: Final = 2**20


@dataclass
class Spent:
    """CPU seconds and resident bytes of a part at a moment."""

    cpu_s: float
    rss: int


@dataclass
class House:
    """The platform and its parts; `pids` are asked anew each time, for the broker has another one after a restart."""

    platform: Platform
    metrics_port: int
    pids: dict[str, Callable[[], int | None]] = field(default_factory=dict)
    _ended: dict[tuple[str, int], float] = field(default_factory=dict)

    def spent(self) -> dict[str, Spent]:
        """By part; what earlier processes of a part have used counts too, as far as it was seen."""
        found = {}
        for name, pid_of in self.pids.items():
            pid = pid_of()
            if pid is None or not psutil.pid_exists(pid):
                continue
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                self._ended[name, pid] = times.user + times.system
                cpu_s = sum(seconds for (part, _), seconds in self._ended.items() if part == name)
                found[name] = Spent(cpu_s, process.memory_info().rss)
        return found

    async def counted(self, name: str) -> float:
        """A counter of the ingest, summed over its labels."""
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            text = (await client.get(f"http://127.0.0.1:{self.metrics_port}/metrics")).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        )


class Field:
    """The process of the machines, and what it said last."""

    def __init__(self, process: asyncio.subprocess.Process, report: Path) -> None:
        self.process = process
        self.said = Said(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, reported=False)
        self._report = report

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said = msgspec.json.decode(line, type=Said)
        raise RuntimeError(f"the machines' process has ended: {await self.process.wait()}")

    async def all_ready(self, machines: int, *, since_ms: int = 0, within_s: float) -> int:
        """When the last of them was connected, subscribed and heard."""

        async def full() -> int:
            return self.said.full_at_ms if self.said.ready == machines and self.said.full_at_ms >= since_ms else 0

        return int(await eventually(full, within_s=within_s))

    async def calm(self, *, within_s: float) -> FleetReport:
        """They sample no more; their words once their outboxes are empty."""
        self.process.send_signal(signal.SIGUSR1)

        async def reported() -> bool:
            return self.said.reported

        await eventually(reported, within_s=within_s)
        return msgspec.json.decode(await asyncio.to_thread(self._report.read_bytes), type=FleetReport)


@asynccontextmanager
async def house(folder: Path, *, mariadb: bool, machines: int) -> AsyncIterator[tuple[House, list[Login]]]:
    """The backend, ready, with so many machines that have logins; the broker is the product's own."""
    raise_file_limit()
    async with AsyncExitStack() as stack:
        server = stack.enter_context(running_mariadb(folder / "mariadb", syncs=True)) if mariadb else None
        url = server.create_database() if server else f"sqlite+aiosqlite:///{folder / 'sunsweep.db'}"
        platform = await new_platform(url, folder)
        stack.push_async_callback(platform.stop)
        them = await enrol(platform.database, machines)
        found = House(platform, free_port())
        await platform.start_broker()
        settings = platform.settings
        web = await stack.enter_async_context(serve_process(settings, "api,live"))
        rest = await stack.enter_async_context(serve_process(settings, "dispatch,jobs"))
        ingest = await stack.enter_async_context(
            ingest_process(settings, SUNSWEEP_METRICS_PORT=str(found.metrics_port))
        )
        await eventually(platform.ready, within_s=60)
        found.pids = {
            "mosquitto": lambda: platform.broker_pid,
            "ingest": lambda: ingest.pid,
            "api,live": lambda: web.pid,
            "dispatch,jobs": lambda: rest.pid,
        }
        if server is not None:
            found.pids["mariadbd"] = lambda: server.pid
        found.pids["runner and viewers"] = os.getpid
        yield found, them


@asynccontextmanager
async def field_of(folder: Path, order: FleetOrder) -> AsyncIterator[Field]:
    """The machines, in a process of their own."""
    wish = folder / "field.json"
    await asyncio.to_thread(wish.write_bytes, msgspec.json.encode(order))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.fleet_field", str(wish),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    field_ = Field(process, Path(order.report))
    try:
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(field_.listen(), name="field-words")
            yield field_
            listening.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def enrol(database: Database, machines: int) -> list[Login]:
    """Machines with logins as the product makes them, many in a transaction: one by one they take a minute."""
    them: list[Login] = []
    for start in range(0, machines, AT_ONCE):
        serials = [f"FLEET-{number:05d}" for number in range(start, min(start + AT_ONCE, machines))]
        them += await _enrol(database, serials)
    return them


async def _enrol(database: Database, serials: Sequence[str]) -> list[Login]:
    now_ms = wall_clock()
    some = [Login(serial, COMPANY, f"m-{secrets.token_hex(8)}", generate_password()) for serial in serials]
    async with database.write() as session:
        rows = [Machine(company_id=COMPANY, serial=login.machine_id, created_at=now_ms) for login in some]
        session.add_all(rows)
        await session.flush()
        for row, login in zip(rows, some, strict=True):
            salt = generate_salt()
            session.add(
                MachineCredential(
                    machine_id=row.id,
                    username=login.mqtt_username,
                    password_hash=hash_password(login.mqtt_password, salt),
                    salt=salt,
                    created_at=now_ms,
                )
            )
        await logins.changed(session)
    return some


def raise_file_limit() -> None:
    """A socket is a file; what we start inherits the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def now_ms() -> int:
    return time.time_ns() // 1_000_000
