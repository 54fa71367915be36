"""The database answers, and takes nothing: by its schema or its mode. Not one good row is rejected for that."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from sunsweep.server import metrics
from tests.server.test_database_away import all_there, as_value, check_once, feeding, ingest_on, platform_on
from tests.support.mariadb import MariaDB, running_mariadb
from tests.support.platform import Platform, eventually

DAY_MS = 86_400_000


@asynccontextmanager
async def refusing(platform: Platform, refuse: str, allow: str) -> AsyncIterator[None]:
    """Between these two statements."""
    await run(platform, refuse)
    try:
        yield
    finally:
        await run(platform, allow)


async def run(platform: Platform, statement: str) -> None:
    async with platform.database.transaction() as connection:
        # SQLite looks an old name up in what this connection knows of the schema, until it has read something.
        if platform.database.is_sqlite:
            await connection.execute(text("SELECT 1 FROM machine"))
        await connection.execute(text(statement))


async def prove(platform: Platform, refuse: str, allow: str) -> None:
    """A load before, while and after the database refuses."""
    async with feeding(platform) as (load, _), ingest_on(platform):
        await load.burst()
        await eventually(lambda: all_there(platform, load))
        async with refusing(platform, refuse, allow):
            await load.burst()
            await eventually(lambda: as_value(metrics.STORE_AWAY._value.get()))
        await load.burst()
        await eventually(lambda: all_there(platform, load), within_s=30)
    await check_once(platform)


async def test_the_schema_is_older_than_the_program(database_url: str, tmp_path: Path) -> None:
    async with platform_on(database_url, tmp_path) as platform:
        await prove(
            platform,
            "ALTER TABLE telemetry RENAME COLUMN flags TO was_flags",
            "ALTER TABLE telemetry RENAME COLUMN was_flags TO flags",
        )


async def test_the_open_partition_is_missing(mariadb_url: str, tmp_path: Path) -> None:
    async with platform_on(mariadb_url, tmp_path) as platform:
        await run(
            platform,
            "ALTER TABLE telemetry REORGANIZE PARTITION p_open INTO "
            f"(PARTITION p_long_ago VALUES LESS THAN ({DAY_MS}), PARTITION p_open VALUES LESS THAN MAXVALUE)",
        )
        async with feeding(platform) as (load, _), ingest_on(platform):
            async with refusing(
                platform,
                "ALTER TABLE telemetry DROP PARTITION p_open",
                "ALTER TABLE telemetry ADD PARTITION (PARTITION p_open VALUES LESS THAN MAXVALUE)",
            ):
                await load.burst()
                await eventually(lambda: as_value(metrics.STORE_AWAY._value.get()))
            await eventually(lambda: all_there(platform, load), within_s=30)
        await check_once(platform)


@pytest.fixture(scope="module")
def own_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """One that may be read-only as a whole."""
    with running_mariadb(tmp_path_factory.mktemp("own")) as server:
        yield server


async def test_mariadb_is_read_only(own_mariadb: MariaDB, tmp_path: Path) -> None:
    url = make_url(own_mariadb.create_database())
    async with platform_on(url.render_as_string(hide_password=False), tmp_path) as platform:
        # Whoever has every privilege may write all the same.
        own_mariadb.execute("CREATE USER plain@'%' IDENTIFIED BY 'plain'")
        own_mariadb.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {url.database}.* TO plain@'%'")
        plain = url.set(username="plain", password="plain").render_as_string(hide_password=False)
        platform.settings = platform.settings.model_copy(update={"database_url": plain})
        await prove(platform, "SET GLOBAL read_only=1", "SET GLOBAL read_only=0")


async def test_sqlite_is_opened_read_only(sqlite_url: str, tmp_path: Path) -> None:
    async with platform_on(sqlite_url, tmp_path) as platform, feeding(platform) as (load, _):
        writable = platform.settings
        file = make_url(sqlite_url).database
        read_only = f"sqlite+aiosqlite:///file:{file}?mode=ro&uri=true"
        platform.settings = writable.model_copy(update={"database_url": read_only})
        async with ingest_on(platform):
            await load.burst()
            await eventually(lambda: as_value(metrics.STORE_AWAY._value.get()))
        platform.settings = writable
        async with ingest_on(platform):
            await load.burst()
            await eventually(lambda: all_there(platform, load), within_s=30)
        await check_once(platform)
