#!/usr/bin/env python3
"""Messages per second end to end: QoS 1 in, committed, acknowledged; on SQLite and on MariaDB.

Beside it, in the same run on the same broker with the same load, the ceiling: a subscriber that only acknowledges.
Everything runs on this machine at once: load, broker, backend, database.
"""

import argparse
import asyncio
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop
from prometheus_client import REGISTRY
from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.load import serial

from sunsweep.contract.topics import FROM_MACHINE, Channel, all_machines
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.mqtt.port import Message, Subscription
from sunsweep.server.broker.accounts import BACKEND_RULES, set_account
from sunsweep.server.broker.logins import broker_users
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import Machine, TelemetryRow
from sunsweep.server.features.accounts.service import add_company
from sunsweep.server.ingest.pipeline import Ingest
from sunsweep.server.roles import member_connection
from sunsweep.server.settings import BackendSettings
from tests.support.mariadb import running_mariadb
from tests.support.ports import free_port

LOAD_RULES = (*BACKEND_RULES, *(("publish", all_machines(channel)) for channel in FROM_MACHINE))


@dataclass
class Bench:
    """One database with its machines, one broker, and who may do what there."""

    settings: BackendSettings
    database: Database
    machines: int
    messages: int
    boot: int = 0
    stored: int = 0

    async def load(self) -> None:
        self.boot += 1
        port = self.settings.mqtt_url.rpartition(":")[2]
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).parent / "load.py"), "127.0.0.1", port,
            self.settings.mqtt_username, self.settings.mqtt_password.get_secret_value(),
            str(self.machines), str(self.messages), str(self.boot),
        )  # fmt: skip
        assert await process.wait() == 0

    async def ceiling(self) -> tuple[float, float]:
        """Messages per second and CPU us a message of a subscriber that only acknowledges."""
        done, count = asyncio.Event(), 0
        first = 0.0

        def take(messages: Sequence[Message]) -> None:
            nonlocal count, first
            first = first or time.perf_counter()
            client.acknowledge(messages)
            count += len(messages)
            if count >= self.messages:
                done.set()

        member = member_connection(self.settings)
        client = MqttClient(member, subscriptions=[Subscription(all_machines(Channel.TELEMETRY))], on_messages=take)
        running = asyncio.create_task(client.run())
        await client.wait_connected()
        cpu = time.process_time()
        await asyncio.gather(self.load(), done.wait())
        figures = self._figures(first, time.perf_counter(), cpu)
        await self._leave(running)
        return figures

    async def product(self) -> tuple[float, float]:
        """The same of the ingest, until the last message is committed."""
        before = stored()
        ingest = Ingest(self.database, member_connection(self.settings), retention_days=90)
        running = asyncio.create_task(ingest.run())
        await ingest.wait_connected()
        cpu, first = time.process_time(), time.perf_counter()
        load = asyncio.create_task(self.load())
        while stored() == before:
            first = time.perf_counter()
            await asyncio.sleep(0.005)
        while stored() < before + self.messages:
            await asyncio.sleep(0.05)
        figures = self._figures(first, time.perf_counter(), cpu)
        await load
        await self._leave(running)
        self.stored += self.messages
        assert await self._rows() == self.stored
        return figures

    def _figures(self, first: float, ended: float, cpu: float) -> tuple[float, float]:
        return self.messages / (ended - first), (time.process_time() - cpu) / self.messages * 1e6

    async def _leave(self, running: asyncio.Task[None]) -> None:
        """Disconnect and end the session, or the next round's load would wait in it too."""
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        client = MqttClient(replace(member_connection(self.settings), clean_start=True, session_expiry_s=0))
        leaving = asyncio.create_task(client.run())
        await client.wait_connected()
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)

    async def _rows(self) -> int:
        async with self.database.read() as session:
            return (await session.execute(select(func.count()).select_from(TelemetryRow))).scalar_one()


def stored() -> float:
    """What the ingest says it has committed and acknowledged in this process so far."""
    return REGISTRY.get_sample_value("sunsweep_ingest_stored_total", {"channel": "telemetry"}) or 0.0


@asynccontextmanager
async def bench(url: str, folder: Path, machines: int, messages: int) -> AsyncIterator[Bench]:
    """A migrated database, its machines, and a broker that knows the backend's login."""
    settings = BackendSettings(
        database_url=url, mqtt_url=f"mqtt://127.0.0.1:{free_port()}", mqtt_password=secrets.token_urlsafe(16)
    )
    database = Database(url)
    await upgrade(database)
    async with database.write() as session:
        await add_company(session, "Bench", now_ms=wall_clock())
        session.add_all(Machine(company_id=1, serial=serial(n), created_at=wall_clock()) for n in range(machines))
        await set_account(session, settings.mqtt_username, settings.mqtt_password.get_secret_value(), LOAD_RULES)
    broker = LocalBroker(folder, host="127.0.0.1", port=int(settings.mqtt_url.rpartition(":")[2]))
    await broker.start(await broker_users(database), [])
    try:
        yield Bench(settings, database, machines, messages)
    finally:
        await broker.stop()
        await database.close()


async def measure(name: str, url: str, folder: Path, options: argparse.Namespace) -> None:
    async with bench(url, folder, options.machines, options.messages) as one:
        ceilings, products = [], []
        for _ in range(options.rounds):
            ceilings.append(await one.ceiling())
            products.append(await one.product())
    ceiling, product = (statistics.median(rate for rate, _ in figures) for figures in (ceilings, products))
    cpu = [statistics.median(used for _, used in figures) for figures in (ceilings, products)]
    print(
        f"{name:<10}{ceiling:>14,.0f}{product:>14,.0f}{product / ceiling:>9.2f}{cpu[0]:>15.1f}{cpu[1]:>15.1f}",
        flush=True,
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{options.messages:,} numbered messages of {options.machines:,} machines, median of {options.rounds} rounds")
    print(f"{'':<10}{'ack only/s':>14}{'stored/s':>14}{'ratio':>9}{'ack us/msg':>15}{'backend us/msg':>15}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await measure("sqlite", f"sqlite+aiosqlite:///{folder / 'bench.db'}", folder / "broker-1", options)
        (folder / "mariadb").mkdir()
        with running_mariadb(folder / "mariadb") as server:
            await measure("mariadb", server.create_database(), folder / "broker-2", options)


if __name__ == "__main__":
    uvloop.run(main())
