"""From every schema there was, with data, to this one: nothing is lost, it works, and who is older goes on writing."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from sqlalchemy import Connection, Engine, event, text

from sunsweep.contract.times import iso
from sunsweep.server.clock import wall_clock
from sunsweep.server.db import migrate
from sunsweep.server.db.engine import Database
from sunsweep.server.features.ledger.check import check
from sunsweep.server.features.ledger.repository import machine_names
from tests.support.command import sunsweep
from tests.support.mariadb import MariaDB
from tests.support.platform import Platform, eventually, ingest_begins, new_settings, platform_over
from tests.upgrades.old import MQTT_PASSWORD, ROWS, SCHEMAS, Shape, begin_at, content, shape, write_as


@pytest.fixture
async def database(database_url: str, blocking_calls: BlockBuster) -> AsyncIterator[Database]:
    blocking_calls.deactivate()  # migrations read files
    opened = Database(database_url)
    yield opened
    await opened.close()


def test_every_schema_has_its_rows() -> None:
    assert [file.stem for file in sorted(ROWS.glob("*.sql"))] == SCHEMAS


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_nothing_of_an_older_schema_is_lost(database: Database, schema: str) -> None:
    await begin_at(database, schema)
    await write_as(database, schema, number=1)
    before = await content(database)
    await migrate.upgrade(database)
    after = await content(database)
    del before["alembic_version"]
    for table, rows in before.items():
        known = [{column: row[column] for column in rows[0]} for row in after[table]] if rows else []
        assert known == rows, table


@pytest.fixture
async def upgraded(database: Database, schema: str, database_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    """A platform over a database of an older schema, upgraded."""
    await begin_at(database, schema)
    await write_as(database, schema, number=1)
    await migrate.upgrade(database)
    async with platform_over(new_settings(database_url), tmp_path / "upgraded") as running:
        yield running


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_the_product_works_on_it(upgraded: Platform) -> None:
    admin = "admin1@example.com"
    async with ingest_begins():
        await upgraded.start_backend()
    machines = (await upgraded.get("/machines", as_=admin))["items"]
    assert {"OLD-1", "OLD-2"} <= {machine["machine_id"] for machine in machines}
    async with upgraded.mqtt("m-10001", MQTT_PASSWORD) as machine:
        sample = {"battery": 12.5, "ts": iso(wall_clock()), "boot": 7, "seq": 5}
        await machine.publish("company/11/machine/OLD-1/telemetry", json.dumps(sample).encode(), qos=1)

    async def stored() -> list[float | None]:
        page = await upgraded.get("/machines/OLD-1/telemetry", as_=admin, params={"resolution": "raw"})
        found = [row["battery"] for row in page["items"]]
        return found if 12.5 in found else []

    assert sorted(await eventually(stored), key=str) == [12.25, 12.5, 13.5, None]
    boots = (await upgraded.get("/machines/OLD-1/ledger", as_=admin))["items"]
    assert [boot["stored"]["ranges"] for boot in boots if boot["boot"] == 7] == [[[1, 5]]]
    commands = (await upgraded.get("/machines/OLD-1/commands", as_=admin))["items"]
    assert "succeeded" in {item["state"] for item in commands}
    assert (await upgraded.get("/machines/OLD-2/commands", as_=admin))["items"][0]["state"] == "queued"
    assert (await upgraded.get("/dead-letters", as_=admin))["items"]
    await upgraded.stop_backend()
    async with upgraded.database.read() as session:
        names = await machine_names(session, 11, None)
    found = [one async for one in check(upgraded.database, names, now_ms=wall_clock)]
    assert [wrong for one in found for wrong in one.disagreements if wrong.boot == 7] == []


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_an_older_program_goes_on_writing(database: Database, schema: str) -> None:
    await begin_at(database, schema)
    await write_as(database, schema, number=1)
    await migrate.upgrade(database)
    await write_as(database, schema, number=2)
    found = await content(database)
    assert {row["serial"] for row in found["machine"] if row["company_id"] == 21} >= {"OLD-1", "OLD-2"}


@pytest.mark.parametrize("step", range(1, len(SCHEMAS)))
async def test_a_migration_only_adds(database: Database, step: int) -> None:
    """What the version before reads and writes stays as it is, and what is new it may leave out."""
    await begin_at(database, SCHEMAS[step - 1])
    before = await _shape(database)
    await begin_at(database, SCHEMAS[step])
    after = await _shape(database)
    for table, columns in before.items():
        for name, (kind, nullable, _) in columns.items():
            assert after[table][name][0] == kind, f"{table}.{name} has changed its type"
            assert after[table][name][1] or not nullable, f"{table}.{name} may not be null any more"
        for name in after[table].keys() - columns.keys():
            assert after[table][name][2], f"{table}.{name} is new and may not be left out"


async def _shape(database: Database) -> Shape:
    found: list[Shape] = []
    await database.run_sync(lambda connection: found.append(shape(connection)))
    return found[0]


class Killed(BaseException):
    """The process ends, whatever it is in."""


async def test_a_migration_that_was_killed_goes_on(
    mariadb_url: str, mariadb: MariaDB, blocking_calls: BlockBuster
) -> None:
    """On MySQL each statement on a table's shape commits by itself: one more is done in each life."""
    blocking_calls.deactivate()
    seen: set[str] = set()
    while await dies_after_one_more_statement(mariadb_url, seen):
        pass
    assert len(seen) > 60
    database, clean_url = Database(mariadb_url), mariadb.create_database()
    clean = Database(clean_url)
    try:
        assert await migrate.is_current(database)
        await migrate.upgrade(clean)
        assert await _made_by(database) == await _made_by(clean)
        known, fresh = await content(database), await content(clean)
        for rows in (known, fresh):
            for row in rows["platform_state"]:
                row["value"] = bool(row["value"])
        assert known == fresh
        await write_as(database, SCHEMAS[-1], number=1)
    finally:
        await database.close()
        await clean.close()
        mariadb.drop_database(clean_url)


async def dies_after_one_more_statement(url: str, seen: set[str]) -> bool:
    """Whether it died, after a statement that was not `seen` yet; rows that it had not committed are gone."""
    database = Database(url)

    def die(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        changes = statement.lstrip().split()[0].upper() in {"CREATE", "ALTER", "INSERT", "UPDATE"}
        if changes and statement not in seen:
            seen.add(statement)
            raise Killed

    event.listen(Engine, "after_cursor_execute", die)
    try:
        await migrate.upgrade(database)
    except Killed:
        return True
    finally:
        event.remove(Engine, "after_cursor_execute", die)
        await database.close()
    return False


async def _made_by(database: Database) -> dict[str, str]:
    """By table and view, the statement that makes it."""
    found: dict[str, str] = {}

    def read(connection: Connection) -> None:
        names = connection.execute(text("SHOW TABLES")).scalars().all()
        for name in names:
            found[name] = connection.execute(text(f"SHOW CREATE TABLE `{name}`")).all()[0][1]

    await database.run_sync(read)
    schema = str(database._address.database)
    return {name: made.replace(f"`{schema}`", "`here`") for name, made in found.items()}


async def test_a_migration_of_sqlite_is_done_or_not(sqlite_url: str, blocking_calls: BlockBuster) -> None:
    blocking_calls.deactivate()
    database = Database(sqlite_url)
    await begin_at(database, SCHEMAS[0])
    await write_as(database, SCHEMAS[0], number=1)
    before = await content(database)
    for statements in (1, 10, 40):
        left = iter(range(statements))

        def die(*_: object, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Killed

        event.listen(Engine, "after_cursor_execute", die)
        with pytest.raises(Killed):
            await migrate.upgrade(database)
        event.remove(Engine, "after_cursor_execute", die)
        assert await content(database) == before
    await migrate.upgrade(database)
    assert await migrate.is_current(database)
    await database.close()


async def test_of_two_that_migrate_at_once_one_does_it(database_url: str, tmp_path: Path) -> None:
    env = {"SUNSWEEP_DATABASE_URL": database_url}
    both = await asyncio.gather(*(sunsweep("migrate", env=env, cwd=tmp_path) for _ in range(2)))
    assert [ended.code for ended in both] == [0, 0], [ended.err for ended in both]
    database = Database(database_url)
    await write_as(database, SCHEMAS[-1], number=1)
    await database.close()


async def test_a_reader_who_takes_long_stops_nobody_else(mariadb_url: str, blocking_calls: BlockBuster) -> None:
    """A statement that waits for a table lets go of its place from time to time, and others pass."""
    blocking_calls.deactivate()
    database = Database(mariadb_url)
    await begin_at(database, SCHEMAS[-2])
    async with database.snapshot() as reader:
        await reader.execute(text("SELECT count(*) FROM machine"))
        migrating = asyncio.create_task(asyncio.to_thread(asyncio.run, _migrate(mariadb_url)))
        for _ in range(4):
            await asyncio.sleep(1)
            async with database.read(within_s=8) as session:
                await session.execute(text("SELECT count(*) FROM machine"))
        assert not migrating.done()
    await migrating
    assert await migrate.is_current(database)
    await database.close()


async def _migrate(url: str) -> None:
    database = Database(url)
    await migrate.upgrade(database)
    await database.close()
