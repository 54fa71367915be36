"""Whatever comes late, twice or out of order: roll-ups say what a recount of the raw rows says."""

import asyncio
import json
import math
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from alembic import command
from blockbuster import BlockBuster
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.contract.refusal import Reason
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import _config, upgrade
from sunsweep.server.db.models import (
    Company,
    DeadLetter,
    DirtyHour,
    LedgerDay,
    Rollup,
    TelemetryDay,
    TelemetryHour,
)
from sunsweep.server.db.state import held_state_of, state_of
from sunsweep.server.ingest.messages import Accepted, Rejected
from sunsweep.server.ingest.store import Store
from sunsweep.server.jobs.close import Closing
from tests.support.history import (
    DAY_MS,
    HOUR_MS,
    MONDAY_MS,
    Time,
    add_machines,
    begin_at,
    machine,
    sample,
)
from tests.support.platform import eventually

FIELDS = ("battery", "solar_v", "solar_a", "water")


class KilledError(Exception):
    """The process ends before a commit."""


class Mortal(Database):
    """A database whose user is killed before one of its commits."""

    lives = math.inf

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        async with super().transaction() as connection:
            yield connection
            self.lives -= 1
            if self.lives < 0:
                raise KilledError


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Mortal]:
    opened = Mortal(database_url)
    await upgrade(opened)
    await add_machines(opened, 1, 1, 2, 3)
    await begin_at(opened, MONDAY_MS)
    yield opened
    await opened.close()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def store(database: Database, time: Time) -> Store:
    return Store(database, now_ms=time)


@pytest.fixture
def closing(database: Database, time: Time) -> Closing:
    return Closing(database, now_ms=time, pause_s=0)


async def test_a_month_shuffled_repeated_and_delayed(
    database: Database, store: Store, closing: Closing, time: Time
) -> None:
    chance = random.Random(11)
    sent = [
        sample(MONDAY_MS + chance.randrange(30 * DAY_MS), seq, of=machine(number), **said(chance))
        for number in (1, 2, 3)
        for seq in range(1, 30 * 36 + 1)
    ]
    deliveries = [(item.ts_ms + delay(chance), item) for item in sent]
    deliveries += [(item.ts_ms + delay(chance), item) for item in chance.sample(sent, 500)]
    deliveries.sort(key=lambda delivery: delivery[0])
    for at in range(0, len(deliveries), 60):
        some = deliveries[at : at + 60]
        chance.shuffle(some)
        time.ms = some[-1][0]
        work = [store.commit([item for _, item in some])]
        if chance.random() < 0.15:
            # Beside the commit, as it happens.
            await asyncio.gather(*work, closing.run())
        else:
            await asyncio.gather(*work)
    time.ms = MONDAY_MS + 40 * DAY_MS
    await closing.run()
    await agrees(database, sent)


def said(chance: random.Random) -> dict[str, Any]:
    fields: dict[str, Any] = {name: round(chance.uniform(-5, 60), 3) for name in FIELDS if chance.random() < 0.9}
    if chance.random() < 0.5:
        fields["extra"] = {
            "temp": chance.randrange(-20, 60),
            "note": "x",
            f"key{chance.randrange(80)}": chance.random(),
        }
    return fields


def delay(chance: random.Random) -> int:
    """Seconds mostly, and days after an outage."""
    return chance.randrange(30_000) if chance.random() < 0.8 else chance.randrange(3 * DAY_MS)


async def agrees(database: Database, sent: Iterable[Accepted]) -> None:
    """Hours and days are what a plain recount of what was sent says; the ledger's days too; no mark is left."""
    assert await rollups(database, TelemetryHour) == recount(sent, HOUR_MS)
    assert await rollups(database, TelemetryDay) == recount(sent, DAY_MS)
    async with database.read() as session:
        counted = await session.execute(select(LedgerDay.machine_id, LedgerDay.day, LedgerDay.count))
        ledger = {(row.machine_id, row.day): row[2] for row in counted}
        marks = (await session.execute(select(func.count()).select_from(DirtyHour))).scalar_one()
    assert ledger == {key: found["count"] for key, found in recount(sent, DAY_MS).items()}
    assert marks == 0


async def rollups(database: Database, table: type[TelemetryHour | TelemetryDay]) -> dict[tuple[int, int], Any]:
    async with database.read() as session:
        rows: Sequence[Any] = (await session.scalars(select(table))).all()
    return {(row.machine_id, row.start): told(row) for row in rows}


def told(row: Rollup) -> dict[str, Any]:
    found: dict[str, Any] = {"count": row.count}
    for name in FIELDS:
        count, least, greatest, mean = (getattr(row, f"{name}_{word}") for word in ("count", "min", "max", "mean"))
        found[name] = (count, least, greatest, near(mean)) if count else None
    extra = json.loads(row.extra) if row.extra else {}
    return found | {"extra": {key: (*figures[:3], near(figures[3])) for key, figures in extra.items()}}


def near(mean: float) -> Any:
    return pytest.approx(mean, rel=1e-9, abs=1e-9)


def recount(sent: Iterable[Accepted], width_ms: int) -> dict[tuple[int, int], Any]:
    spans: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for item in sent:
        spans[item.machine.id, item.ts_ms // width_ms * width_ms].append(item.body)
    return {key: plain(bodies) for key, bodies in spans.items()}


def plain(bodies: list[Any]) -> dict[str, Any]:
    extra = defaultdict(list)
    for body in bodies:
        for key, value in body.extra.items():
            if key != "note":
                extra[key].append(value)
    found = {name: figures([v for body in bodies if (v := getattr(body, name)) is not None]) for name in FIELDS}
    keys = sorted(extra)[:64]
    return {"count": len(bodies), **found, "extra": {key: figures(extra[key]) for key in keys}}


def figures(values: list[float]) -> tuple[int, float, float, float] | None:
    return (len(values), min(values), max(values), sum(values) / len(values)) if values else None


async def test_killed_before_any_commit_it_goes_on(
    database: Mortal, store: Store, closing: Closing, time: Time
) -> None:
    sent = [sample(MONDAY_MS + n * HOUR_MS // 2, n, of=machine(n % 3 + 1), battery=n) for n in range(1, 150)]
    await store.commit(sent)
    time.ms = MONDAY_MS + 4 * DAY_MS
    kills, done = 0, False
    while not done:
        database.lives = kills % 3
        try:
            await closing.run()
            done = True
        except KilledError:
            kills += 1
        database.lives = math.inf
        if kills % 3 == 0 and kills < 30:
            late = sample(MONDAY_MS + kills * HOUR_MS + 5, 1000 + kills, battery=kills)
            await store.commit([late])
            sent.append(late)
    assert kills > 10
    await closing.run()
    await agrees(database, sent)


async def test_an_hour_closes_five_seconds_after_its_end(database: Database, closing: Closing, time: Time) -> None:
    time.ms = MONDAY_MS + HOUR_MS + 4_999
    await closing.run()
    assert await states(database) == (MONDAY_MS, MONDAY_MS)
    time.ms += 1
    await closing.run()
    assert await states(database) == (MONDAY_MS + HOUR_MS, MONDAY_MS + HOUR_MS)
    time.ms -= 30 * DAY_MS  # a clock that is set back opens nothing again
    await closing.run()
    assert await states(database) == (MONDAY_MS + HOUR_MS, MONDAY_MS + HOUR_MS)


async def states(database: Database) -> tuple[int, int]:
    async with database.read() as session:
        return await state_of(session, "closed_until"), await state_of(session, "rolled_until")


async def test_closing_waits_for_a_commit_in_flight(mariadb_url: str, time: Time) -> None:
    """SQLite has one writer at a time."""
    database = Database(mariadb_url)
    await upgrade(database)
    await add_machines(database, 1, 1)
    await begin_at(database, MONDAY_MS)
    time.ms = MONDAY_MS + HOUR_MS + 10_000
    async with asyncio.TaskGroup() as tasks, database.transaction() as worker:
        assert await held_state_of(worker, "closed_until") == MONDAY_MS
        tasks.create_task(Closing(database, now_ms=time).run())
        await eventually(lambda: waits_for_a_lock(database))
        await insert(worker, sample(MONDAY_MS + 1, 1, battery=13.0))
    await agrees(database, [sample(MONDAY_MS + 1, 1, battery=13.0)])
    await database.close()


async def test_what_is_stored_while_its_hour_is_counted_again_is_counted(mariadb_url: str, time: Time) -> None:
    """Its mark is held by the commit in flight."""
    database = Database(mariadb_url)
    await upgrade(database)
    await add_machines(database, 1, 1)
    await begin_at(database, MONDAY_MS + HOUR_MS)
    time.ms = MONDAY_MS + HOUR_MS
    await Store(database, now_ms=time).commit([sample(MONDAY_MS + 1, 1, battery=13.0)])
    async with asyncio.TaskGroup() as tasks, database.transaction() as worker:
        await insert(worker, sample(MONDAY_MS + 2, 2, battery=14.0))
        again = "INSERT INTO dirty_hour VALUES (1, :hour) ON DUPLICATE KEY UPDATE machine_id = dirty_hour.machine_id"
        await worker.execute(text(again), {"hour": MONDAY_MS})
        tasks.create_task(Closing(database, now_ms=time).run())
        await eventually(lambda: waits_for_a_lock(database))
    await agrees(database, [sample(MONDAY_MS + n, n, battery=12.0 + n) for n in (1, 2)])
    await database.close()


async def waits_for_a_lock(database: Database) -> bool:
    async with database.read() as session:
        waiting = (await session.execute(text("SHOW STATUS LIKE 'Innodb_row_lock_current_waits'"))).one()
    return int(waiting[1]) > 0


async def insert(connection: AsyncConnection, item: Accepted) -> None:
    row = "INSERT INTO telemetry VALUES (:machine, :ts, 7, :seq, :battery, NULL, NULL, NULL, NULL, 0, :ts)"
    values = {"machine": item.machine.id, "ts": item.ts_ms, "seq": item.seq, "battery": item.body.battery}  # type: ignore[union-attr]
    await connection.execute(text(row), values)


async def test_an_hour_that_is_empty_now_has_no_roll_up(
    database: Database, store: Store, closing: Closing, time: Time
) -> None:
    await store.commit([sample(MONDAY_MS + 1, 1, battery=1.0), sample(MONDAY_MS + HOUR_MS, 2, battery=2.0)])
    time.ms = MONDAY_MS + DAY_MS + HOUR_MS
    await closing.run()
    async with database.write() as session:
        await session.execute(text("DELETE FROM telemetry WHERE ts < :end"), {"end": MONDAY_MS + HOUR_MS})
        session.add(DirtyHour(machine_id=1, hour=MONDAY_MS))
    await closing.run()
    await agrees(database, [sample(MONDAY_MS + HOUR_MS, 2, battery=2.0)])


async def test_a_mark_on_a_day_whose_rows_are_gone_changes_nothing(
    database: Database, store: Store, closing: Closing, time: Time
) -> None:
    rows = [sample(MONDAY_MS + n, n, battery=n) for n in range(1, 9)]
    await store.commit(rows)
    time.ms = MONDAY_MS + 2 * DAY_MS
    await closing.run()
    async with database.write() as session:
        company = await session.get_one(Company, 1)
        company.raw_since = MONDAY_MS + DAY_MS
        await session.execute(text("DELETE FROM telemetry WHERE ts < :end"), {"end": MONDAY_MS + DAY_MS})
    later = sample(MONDAY_MS + DAY_MS, 10, battery=1.0)
    await store.commit([sample(MONDAY_MS + 9, 9, battery=99.0), later])
    await closing.run()
    await agrees(database, [*rows, later])


async def test_a_refusal_alone_has_its_day_in_the_ledger(
    database: Database, store: Store, closing: Closing, time: Time
) -> None:
    message = sample(MONDAY_MS, 1).message
    await store.commit([Rejected(message, machine(2), Reason.CLOCK_AHEAD, "", (7, 5))])
    time.ms += HOUR_MS + 5_000
    await closing.run()
    async with database.read() as session:
        day = (await session.scalars(select(LedgerDay))).one()
        assert (await session.scalars(select(DeadLetter))).one().machine_id == 2
    assert (day.machine_id, day.boot, day.day, json.loads(day.rejected)) == (2, 7, MONDAY_MS, [[5, 5, "clock_ahead"]])


async def test_what_was_there_before_the_schema_is_counted(database_url: str, blocking_calls: BlockBuster) -> None:
    database = Database(database_url)
    blocking_calls.deactivate()
    await database.run_sync(lambda connection: command.upgrade(_config(connection), "0001"))
    blocking_calls.activate()
    ts = wall_clock() - 2 * DAY_MS
    async with database.transaction() as connection:
        await connection.execute(text("INSERT INTO company (id, name, created_at) VALUES (1, 'a', 0)"))
        columns = "id, company_id, serial, name, model, tags, expected_interval_s, enabled, created_at, archived_key"
        machine = "1, 1, 'SCM-1', '', '', '[]', 60, 1, 0, 0"
        await connection.execute(text(f"INSERT INTO machine ({columns}) VALUES ({machine})"))
        await insert(connection, sample(ts, 1, battery=13.0))
    await upgrade(database)
    await Closing(database, now_ms=wall_clock, pause_s=0).run()
    await agrees(database, [sample(ts, 1, battery=13.0)])
    await database.close()
