#!/usr/bin/env python3
"""Messages per second end to end: QoS 1 in, committed, acknowledged, receipted; beside a prototype and a textbook.

Everything runs on this machine at once: load, broker, database, and in turn the product's ingest, the throwaway
prototype (`ceiling.py`) and the textbook's handler (`textbook.py`), each a process of its own on the same two.
"""

import argparse
import asyncio
import json
import os
import secrets
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop
from sqlalchemy import func, make_url, select, text

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.load import serial

from sunsweep.contract.topics import FROM_MACHINE, all_machines
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.server.broker.accounts import set_account
from sunsweep.server.broker.logins import broker_users
from sunsweep.server.broker.rules import BACKEND_RULES
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import Machine, TelemetryRow
from sunsweep.server.features.accounts.service import add_company
from sunsweep.server.roles import member_connection
from sunsweep.server.settings import BackendSettings
from tests.support.mariadb import running_mariadb
from tests.support.ports import free_port

HERE = Path(__file__).parent
LOAD_RULES = (*BACKEND_RULES, *(("publish", all_machines(channel)) for channel in FROM_MACHINE))
Figures = tuple[float, float]
"""Messages per second; CPU us a message of the process that takes them."""


@dataclass
class Bench:
    """One database with its machines, one broker, and who may do what there."""

    settings: BackendSettings
    database: Database
    machines: int
    boot: int = 0

    @property
    def login(self) -> tuple[str, str, str]:
        password = self.settings.mqtt_password.get_secret_value()
        return self.settings.mqtt_url.rpartition(":")[2], self.settings.mqtt_username, password

    async def product(self, messages: int) -> Figures:
        figures = await self._measure("product.py", messages)
        await self._end_session()
        return figures

    async def ceiling(self, messages: int) -> Figures:
        url = make_url(self.settings.database_url)
        return await self._measure("ceiling.py", messages, *self.login, str(url.port), str(url.database))

    async def textbook(self, messages: int) -> Figures:
        return await self._measure("textbook.py", messages, *self.login, self.settings.database_url)

    async def _measure(self, program: str, messages: int, *arguments: str) -> Figures:
        taker = await asyncio.create_subprocess_exec(
            sys.executable, str(HERE / program), *arguments, str(messages), stdout=asyncio.subprocess.PIPE,
            env=os.environ | {
                "SUNSWEEP_DATABASE_URL": self.settings.database_url,
                "SUNSWEEP_MQTT_URL": self.settings.mqtt_url,
                "SUNSWEEP_MQTT_PASSWORD": self.settings.mqtt_password.get_secret_value(),
            },
        )  # fmt: skip
        assert taker.stdout is not None
        assert await taker.stdout.readline() == b"ready\n", program
        await self._load(messages)
        figures = json.loads(await taker.stdout.readline())
        assert await taker.wait() == 0, program
        assert await self._take_away() == messages, program
        return messages / figures["seconds"], figures["cpu_s"] / messages * 1e6

    async def _load(self, messages: int) -> None:
        self.boot += 1
        port, username, password = self.login
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(HERE / "load.py"), "127.0.0.1", port, username, password,
            str(self.machines), str(messages), str(self.boot),
        )  # fmt: skip
        assert await process.wait() == 0

    async def _take_away(self) -> int:
        """How many rows there are; each starts with an empty table."""
        async with self.database.transaction() as connection:
            rows = (await connection.execute(select(func.count()).select_from(TelemetryRow))).scalar_one()
            await connection.execute(text("DELETE FROM telemetry" if self.database.is_sqlite else "TRUNCATE telemetry"))
        return rows

    async def _end_session(self) -> None:
        """Or the next one's load would wait in it too."""
        client = MqttClient(replace(member_connection(self.settings), clean_start=True, session_expiry_s=0))
        leaving = asyncio.create_task(client.run())
        await client.wait_connected()
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)


@asynccontextmanager
async def bench(url: str, folder: Path, machines: int) -> AsyncIterator[Bench]:
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
        yield Bench(settings, database, machines)
    finally:
        await broker.stop()
        await database.close()


def show(name: str, rounds: list[Figures], of: list[Figures]) -> None:
    """Medians; the ratio is the median of the rounds' own."""
    rate, cpu = statistics.median(r for r, _ in rounds), statistics.median(c for _, c in rounds)
    ratio = statistics.median(mine / theirs for (mine, _), (theirs, _) in zip(rounds, of, strict=True))
    print(f"{name:<22}{rate:>12,.0f}{ratio:>12.2f}{cpu:>14.1f}", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-mariadb", action="store_true")
    options = parser.parse_args()
    print(f"{options.messages:,} numbered messages of {options.machines:,} machines, median of {options.rounds} rounds")
    print(f"{'':<22}{'msg/s':>12}{'of ceiling':>12}{'CPU us/msg':>14}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mariadb").mkdir()
        with running_mariadb(folder / "mariadb", syncs=True) as server:
            ceilings, products, textbooks = [], [], []
            async with bench(server.create_database(), folder / "broker", options.machines) as one:
                for _ in range(options.rounds):
                    ceilings.append(await one.ceiling(options.messages))
                    products.append(await one.product(options.messages))
                    textbooks.append(await one.textbook(options.messages // 10))
            show("ceiling", ceilings, ceilings)
            show("product, MariaDB", products, ceilings)
            show("textbook", textbooks, ceilings)
        times = statistics.median(p / t for (p, _), (t, _) in zip(products, textbooks, strict=True))
        print(f"product / textbook: {times:.1f}")
        if not options.only_mariadb:
            url = f"sqlite+aiosqlite:///{folder / 'bench.db'}"
            async with bench(url, folder / "broker-2", options.machines) as one:
                files = [await one.product(options.messages) for _ in range(options.rounds)]
            show("product, SQLite", files, ceilings)


if __name__ == "__main__":
    uvloop.run(main())
