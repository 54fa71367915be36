#!/usr/bin/env python3
"""What history costs: bytes a row on disk, raw and counted, and the CPU of storing and of counting a message.

Many machines over some hours on MariaDB and on SQLite. All machines take turns, as they do at a broker: a sample in
30 s, a heartbeat in 60 s, a change of state in 30 min, so that every message moves its machine's newest state. They go
through the ingest's own `Store`; after each hour the product's own job counts it into hours, days and the ledger.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from typing import Final

import psutil
import uvloop
from sqlalchemy import insert, text

sys.path.insert(0, str(Path(__file__).parents[1]))

from sunsweep.contract.limits import MAX_BOOT
from sunsweep.contract.payloads import Stamp, Status, Telemetry
from sunsweep.mqtt.port import Message
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import Machine
from sunsweep.server.db.state import set_state
from sunsweep.server.features.accounts.service import add_company
from sunsweep.server.ingest.messages import Accepted, MachineRef
from sunsweep.server.ingest.store import Store
from sunsweep.server.jobs.close import GRACE_MS, Closing
from sunsweep.server.jobs.repository import DAY_MS, HOUR_MS
from tests.support.mariadb import MariaDB, running_mariadb

BEGIN_MS: Final = 20_300 * DAY_MS
SAMPLE_MS: Final = 30_000
BEAT_MS: Final = 60_000
CHANGE_MS: Final = 1_800_000
ON_THE_WAY_MS: Final = 40
AT_ONCE: Final = 1000
"""Messages of a commit: the ingest's own bound."""
TABLES: Final = (
    "telemetry", "status_event", "machine_status", "telemetry_hour", "telemetry_day", "ledger_day", "ledger_boot"
)  # fmt: skip
SIZES_MARIADB: Final = text(
    "SELECT table_name, SUM(data_length + index_length) FROM information_schema.partitions"
    " WHERE table_schema = DATABASE() GROUP BY table_name"
)
# With the indexes of each table; a table WITHOUT ROWID is its own.
SIZES_SQLITE: Final = text(
    "SELECT m.tbl_name, SUM(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY m.tbl_name"
)


class Bench:
    """A database and the machines whose history it gets, an hour after the other."""

    def __init__(self, database: Database, machines: int) -> None:
        self._database = database
        self._random = Random(1)
        self._boots = [self._random.randint(1, MAX_BOOT) for _ in range(machines)]
        self._number = 0
        self._now_ms = BEGIN_MS
        self._store = Store(database, now_ms=lambda: self._now_ms)

    async def prepare(self) -> None:
        await upgrade(self._database)
        async with self._database.write() as session:
            await add_company(session, "Bench", now_ms=0)
            machines = [{"company_id": 1, "serial": f"M-{n}", "created_at": 0} for n in range(len(self._boots))]
            await session.execute(insert(Machine), machines)
            for name in ("closed_until", "rolled_until"):
                await set_state(session, name, BEGIN_MS)

    async def write(self, hour_ms: int) -> int:
        """All machines' messages of an hour; how many."""
        written = 0
        for ts in range(hour_ms, hour_ms + HOUR_MS, SAMPLE_MS):
            self._now_ms = ts
            batch = self._samples(ts)
            if ts % BEAT_MS == 0:
                batch += self._statuses(ts, numbered=False)
            if ts % CHANGE_MS == 0:
                batch += self._statuses(ts, numbered=True)
            for at in range(0, len(batch), AT_ONCE):
                await self._store.commit(batch[at : at + AT_ONCE])
            written += len(batch)
        return written

    def _samples(self, ts: int) -> list[Accepted]:
        self._number += 1
        return [
            self._of(id_, ts, self._sample(Stamp(ts, boot, self._number))) for id_, boot in enumerate(self._boots, 1)
        ]

    def _sample(self, stamp: Stamp) -> Telemetry:
        level = self._random.random()
        extra = {"temp": round(20 + 20 * level, 1), "vibration": round(level / 50, 3)}
        battery, volts, amperes = round(12 + 2 * level, 2), round(18 + 4 * level, 2), round(5 * level, 2)
        return Telemetry(battery, volts, amperes, round(100 * level, 1), extra, stamp)

    def _statuses(self, ts: int, *, numbered: bool) -> list[Accepted]:
        self._number += numbered
        word = self._random.choice(("Running", "Docked", "Returning", "Idle"))
        stamps = (Stamp(ts, boot, self._number) if numbered else Stamp() for boot in self._boots)
        return [
            self._of(id_, ts, Status(word if numbered else None, 150.5, 25.0, 450.0, stamp=stamp))
            for id_, stamp in enumerate(stamps, 1)
        ]

    def _of(self, machine_id: int, ts: int, body: Telemetry | Status) -> Accepted:
        message = Message("", b"", 1, retain=False, packet_id=1, connection=1, received_ms=ts + ON_THE_WAY_MS)
        return Accepted(message, MachineRef(machine_id, 1, "", DAY_MS), body, ts, ts, body.stamp.seq)

    async def count(self, hour_ms: int) -> None:
        """What the job does once an hour is over."""
        now_ms = hour_ms + HOUR_MS + 2 * GRACE_MS
        await Closing(self._database, now_ms=lambda: now_ms, pause_s=0).run()

    async def rows(self) -> dict[str, int]:
        async with self._database.read() as session:
            counts = {table: await session.execute(text(f"SELECT COUNT(*) FROM {table}")) for table in TABLES}
        return {table: count.scalar_one() for table, count in counts.items()}

    async def bytes_of(self) -> dict[str, int]:
        if not self._database.is_sqlite:
            async with self._database.outside_transactions() as connection:
                await connection.execute(text(f"ANALYZE TABLE {', '.join(TABLES)}"))
        async with self._database.read() as session:
            found = await session.execute(SIZES_SQLITE if self._database.is_sqlite else SIZES_MARIADB)
            return {name: int(size) for name, size in found}


class Stopwatch:
    """Seconds on the clock, and of CPU here and in the database's own process, where it has one."""

    def __init__(self, server: psutil.Process | None) -> None:
        self._processes = [psutil.Process(), *([server] if server else [])]
        self._took_s = 0.0
        self._cpu_s = [0.0] * len(self._processes)

    @contextmanager
    def running(self) -> Iterator[None]:
        before, begun = self._used_s(), time.perf_counter()
        yield
        self._took_s += time.perf_counter() - begun
        spent = zip(self._cpu_s, self._used_s(), before, strict=True)
        self._cpu_s = [sum_s + after_s - before_s for sum_s, after_s, before_s in spent]

    def _used_s(self) -> list[float]:
        return [sum(process.cpu_times()[:2]) for process in self._processes]

    def told(self, count: int) -> str:
        cpu = ", ".join(
            f"{name} {used / count * 1e6:.1f}" for name, used in zip(("ours", "database"), self._cpu_s, strict=False)
        )
        return f"{self._took_s:.0f} s, {count / self._took_s:,.0f} a second, CPU us each: {cpu}"


@asynccontextmanager
async def log_of(server: MariaDB, folder: Path, options: argparse.Namespace) -> AsyncIterator[None]:
    """What the server logs meanwhile, beside the tables: rows without their statements, as MySQL does by default."""
    server.stop()
    with (folder / "my.cnf").open("a") as file:
        file.write("log_bin=changes\nbinlog_format=ROW\nbinlog_annotate_row_events=0\nserver_id=1\n")
        file.write(f"binlog_row_image={options.row_image}\n")
    server.start()
    yield
    written = sum(file.stat().st_size for file in (folder / "data").glob("changes.[0-9]*"))
    each = written / samples_of(options)
    print(
        f"mariadb: binary log ({options.row_image}) {each:.0f} bytes a sample, with heartbeats and counting", flush=True
    )


async def measure(name: str, url: str, options: argparse.Namespace, server: psutil.Process | None = None) -> None:
    database = Database(url)
    bench = Bench(database, options.machines)
    writing, counting, messages = Stopwatch(server), Stopwatch(server), 0
    try:
        await bench.prepare()
        for hour_ms in range(BEGIN_MS, BEGIN_MS + options.hours * HOUR_MS, HOUR_MS):
            with writing.running():
                messages += await bench.write(hour_ms)
            with counting.running():
                await bench.count(hour_ms)
        print(f"{name}: {messages:,} messages stored in {writing.told(messages)}")
        samples = samples_of(options)
        print(f"{name}: {samples:,} samples counted, hour by hour, in {counting.told(samples)}", flush=True)
        table(name, await bench.rows(), await bench.bytes_of())
    finally:
        await database.close()


def samples_of(options: argparse.Namespace) -> int:
    many: int = options.machines * options.hours * HOUR_MS // SAMPLE_MS
    return many


def table(name: str, rows: dict[str, int], sizes: dict[str, int]) -> None:
    print(f"| {name} | rows | MB | bytes a row |\n|---|---|---|---|")
    for one in TABLES:
        print(f"| `{one}` | {rows[one]:,} | {sizes[one] / 1e6:.1f} | {sizes[one] / rows[one]:.0f} |", flush=True)


async def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=500)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--only", choices=("sqlite", "mariadb"))
    parser.add_argument("--row-image", choices=("full", "minimal"), default="full", help="of MariaDB's binary log")
    options = parser.parse_args(arguments)
    if options.only != "mariadb":
        with tempfile.TemporaryDirectory() as folder:
            await measure("sqlite", f"sqlite+aiosqlite:///{folder}/bench.db", options)
    if options.only != "sqlite":
        with tempfile.TemporaryDirectory() as name, running_mariadb(Path(name), syncs=True) as server:
            async with log_of(server, Path(name), options):
                await measure("mariadb", server.create_database(), options, psutil.Process(server.pid))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
