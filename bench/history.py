#!/usr/bin/env python3
"""Reading a machine's history: with a day of it and with a year of it, in one table, in the same run.

One machine has `--rows` samples over a year, another as many a day but only of the last day, and others fill the table
up to `--total`. Measured through the code that REST answers with, to the finished JSON, on SQLite and on MariaDB.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop
from msgspec import json
from sqlalchemy import insert, text

sys.path.insert(0, str(Path(__file__).parents[1]))

from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import Machine, MachineStatus
from sunsweep.server.db.partitions import split_open
from sunsweep.server.db.state import set_state
from sunsweep.server.features.accounts.service import add_company
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.features.machines.shapes import status_out
from sunsweep.server.features.telemetry import service
from sunsweep.server.features.telemetry.grid import DAY_MS, HOUR_MS, Resolution
from sunsweep.server.features.telemetry.repository import Span
from tests.support.mariadb import running_mariadb

WEEK_MS: Final = 7 * DAY_MS
YEAR_MS: Final = 365 * DAY_MS
# Half an hour into an hour, so that a part of it is not rolled up yet.
NOW_MS: Final = 2900 * WEEK_MS + 3 * DAY_MS + 12 * HOUR_MS + HOUR_MS // 2
BYTES_A_ROW: Final = 300
INSERTED_AT_ONCE: Final = 500_000
FIELDS: Final = ("battery", "solar_v", "solar_a", "water")
EXTRA: Final = '{"temp":32.5,"vibration":0.01}'

Work = Callable[[Any, Machine], Awaitable[object]]


@dataclass
class Bench:
    """A database whose first machine has a year of history, the second a day, the others the rest of the table."""

    database: Database
    rows: int
    total: int

    @property
    def step_ms(self) -> int:
        return YEAR_MS // self.rows

    async def fill(self) -> None:
        others = max(1, -(-(self.total - self.rows) // self.rows))
        async with self.database.write() as session:
            await add_company(session, "Bench", now_ms=0)
            session.add_all(Machine(company_id=1, serial=f"M-{number}", created_at=0) for number in range(2 + others))
            await session.flush()
            await session.execute(insert(MachineStatus), [newest(number) for number in range(1, 3 + others)])
            await set_state(session, "rolled_until", NOW_MS // HOUR_MS * HOUR_MS)
        if not self.database.is_sqlite:
            first = (NOW_MS - YEAR_MS) // WEEK_MS * WEEK_MS
            await split_open(self.database, list(range(first + WEEK_MS, NOW_MS + 2 * WEEK_MS, WEEK_MS)))
        await self._samples(1, self.rows)
        await self._samples(2, DAY_MS // self.step_ms)
        left = self.total - self.rows
        for number in range(3, 3 + others):
            await self._samples(number, min(left, self.rows))
            left -= self.rows
        await self._roll_up("telemetry_hour", HOUR_MS)
        await self._roll_up("telemetry_day", DAY_MS)
        if not self.database.is_sqlite:
            await self._run("ANALYZE TABLE telemetry, telemetry_hour, telemetry_day")

    async def _samples(self, machine_id: int, count: int) -> None:
        """The last one just now; made by the database itself, oldest first."""
        for done in range(0, count, INSERTED_AT_ONCE):
            many = min(count - done, INSERTED_AT_ONCE)
            ts = f"{NOW_MS} - ({count - done} - n.i) * {self.step_ms} - 1"
            await self._run(
                "INSERT INTO telemetry (machine_id, ts, boot, seq, battery, solar_v, solar_a, water, extra, flags,"
                f" received_at) SELECT {machine_id}, {ts}, 7, {done} + n.i, 12 + n.i % 100 * 0.01, 21.2, 4.5, 80,"
                f" :extra, 0, {ts} FROM ({self._numbers(many)}) AS n",
                extra=EXTRA,
            )

    def _numbers(self, count: int) -> str:
        if self.database.is_sqlite:
            return f"WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {count}) SELECT i FROM s"
        return f"SELECT seq AS i FROM seq_1_to_{count}"

    async def _roll_up(self, table: str, width_ms: int) -> None:
        """Of the first two machines, up to the open hour."""
        until = NOW_MS // HOUR_MS * HOUR_MS
        figures = ", ".join(f"COUNT({f}), MIN({f}), MAX({f}), AVG({f})" for f in FIELDS)
        names = ", ".join(f"{f}_count, {f}_min, {f}_max, {f}_mean" for f in FIELDS)
        extra = json.encode({"temp": [100, 32.5, 32.5, 32.5], "vibration": [100, 0.01, 0.01, 0.01]}).decode()
        await self._run(
            f"INSERT INTO {table} (machine_id, start, `count`, {names}, extra)"
            f" SELECT machine_id, ts - ts % {width_ms}, COUNT(*), {figures}, :extra FROM telemetry"
            f" WHERE machine_id IN (1, 2) AND ts >= 0 AND ts < {until} GROUP BY machine_id, ts - ts % {width_ms}",
            extra=extra,
        )

    async def _run(self, statement: str, **values: Any) -> None:
        async with self.database.write() as session:
            await session.execute(text(statement), values)


def newest(machine_id: int) -> dict[str, Any]:
    presence = {"presence": "online", "presence_since": 0, "presence_cause": "heard", "heard_at": NOW_MS}
    return {"machine_id": machine_id, "in_session": False, "battery": 12.5, "telemetry_at": NOW_MS, **presence}


async def newest_state(session: Any, machine: Machine) -> object:
    return status_out(machine.serial, await machines.status(session, machine.id)).model_dump_json()


def history(wish: Resolution, length_ms: int) -> Work:
    async def read(session: Any, machine: Machine) -> object:
        span = Span(NOW_MS - length_ms, NOW_MS)
        points = await service.telemetry(session, machine, span, wish, cursor="", limit=1000, now_ms=NOW_MS)
        return json.encode(points)

    return read


WORKS: Final[dict[str, Work]] = {
    "newest state": newest_state,
    "last hour, raw": history(Resolution.RAW, HOUR_MS),
    "a day at auto": history(Resolution.AUTO, DAY_MS),
    "a year at auto": history(Resolution.AUTO, YEAR_MS),
}


async def timed(database: Database, serial: str, work: Work) -> float:
    """Milliseconds of one answer."""
    begun = time.perf_counter()
    async with database.read() as session:
        machine = await machines.machine(session, 1, serial)
        assert machine is not None
        await work(session, machine)
    return (time.perf_counter() - begun) * 1000


async def measure(name: str, url: str, options: argparse.Namespace) -> None:
    database = Database(url)
    try:
        await upgrade(database)
        begun = time.perf_counter()
        await Bench(database, options.rows, options.total).fill()
        print(f"{name}: filled in {time.perf_counter() - begun:.0f} s", flush=True)
        took: dict[tuple[str, str], list[float]] = {}
        for repeat in range(options.repeats + 3):
            for what, work in WORKS.items():
                for serial in ("M-1", "M-0"):
                    ms = await timed(database, serial, work)
                    if repeat >= 3:
                        took.setdefault((what, serial), []).append(ms)
    finally:
        await database.close()
    medians = {key: statistics.median(values) for key, values in took.items()}
    for what in WORKS:
        day, year = medians[what, "M-1"], medians[what, "M-0"]
        print(f"{name:<10}{what:<18}{day:>12.2f}{year:>12.2f}{year / day:>9.2f}", flush=True)
    ratio = medians["a year at auto", "M-0"] / medians["a day at auto", "M-0"]
    print(f"{name:<10}a year at auto takes {ratio:.2f} of the time of a day at auto", flush=True)


def require_room(folder: Path, total: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < 2 * total * BYTES_A_ROW:
        sys.exit(f"{folder} has {free / 1e9:.1f} GB free; {total:,} rows want {2 * total * BYTES_A_ROW / 1e9:.1f} GB")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="samples of the machine with a year of history")
    parser.add_argument("--total", type=int, default=20_000_000, help="rows in the table")
    parser.add_argument("--repeats", type=int, default=50)
    options = parser.parse_args()
    print(f"{options.rows:,} samples a year, {options.total:,} in the table, median of {options.repeats}, ms an answer")
    print(f"{'':<10}{'':<18}{'day of it':>12}{'year of it':>12}{'ratio':>9}")
    with tempfile.TemporaryDirectory() as name:
        require_room(Path(name), options.total)
        await measure("sqlite", f"sqlite+aiosqlite:///{name}/bench.db", options)
    with tempfile.TemporaryDirectory() as name, running_mariadb(Path(name), syncs=True) as server:
        await measure("mariadb", server.create_database(), options)


if __name__ == "__main__":
    uvloop.run(main())
