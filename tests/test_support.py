"""The tests' own fixtures: what they watch for is found, and the databases are what they say."""

import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support.mariadb import MariaDB

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["tests.support.hygiene"]'
ROOT = Path(__file__).parent.parent


@pytest.fixture
def watched(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makeini(f"""
        [pytest]
        asyncio_mode = auto
        pythonpath = {ROOT}
    """)
    return pytester


def run(watched: pytest.Pytester, source: str) -> pytest.RunResult:
    watched.makepyfile(source)
    return watched.runpytest_subprocess("-p", "no:cacheprovider")


def test_a_leaked_task_fails_the_test(watched: pytest.Pytester) -> None:
    result = run(
        watched,
        """
        import asyncio

        async def test_leaks():
            asyncio.get_running_loop().create_task(asyncio.sleep(60), name="forgotten")
        """,
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines("*the test left tasks behind: forgotten*")


def test_tasks_that_end_or_belong_to_a_fixture_are_no_leak(watched: pytest.Pytester) -> None:
    result = run(
        watched,
        """
        import asyncio
        import pytest

        @pytest.fixture
        async def service():
            task = asyncio.create_task(asyncio.sleep(60))
            yield
            task.cancel()

        async def test_uses_it(service):
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))

        def test_without_a_loop():
            pass
        """,
    )
    result.assert_outcomes(passed=2)


def test_history_without_a_bound_in_time_fails_the_test(watched: pytest.Pytester) -> None:
    result = run(
        watched,
        """
        import pytest
        from sqlalchemy import delete, select
        from sunsweep.server.db.engine import Database
        from sunsweep.server.db.migrate import upgrade
        from sunsweep.server.db.models import TelemetryRow

        globals()["__name__"] = "sunsweep.somewhere"  # as if it stood in the product

        @pytest.mark.parametrize("query", [
            select(TelemetryRow),
            select(TelemetryRow).where(TelemetryRow.machine_id == 1),
            delete(TelemetryRow),
            select(TelemetryRow).where(TelemetryRow.ts >= 5),
        ])
        async def test_asks(tmp_path, query):
            database = Database(f"sqlite:///{tmp_path / 'x'}")
            await upgrade(database)
            async with database.write() as session:
                await session.execute(query)
            await database.close()
        """,
    )
    result.assert_outcomes(passed=4, errors=3)
    result.stdout.fnmatch_lines("*telemetry without a bound in time: SELECT*")


def test_changing_the_audit_log_fails_the_test(watched: pytest.Pytester) -> None:
    result = run(
        watched,
        """
        import pytest
        from sqlalchemy import delete, select, update
        from sunsweep.server.db.engine import Database
        from sunsweep.server.db.migrate import upgrade
        from sunsweep.server.db.models import AuditEntry

        globals()["__name__"] = "sunsweep.somewhere"  # as if it stood in the product

        @pytest.mark.parametrize("query", [update(AuditEntry).values(at=1), delete(AuditEntry), select(AuditEntry)])
        async def test_changes(tmp_path, query):
            database = Database(f"sqlite:///{tmp_path / 'x'}")
            await upgrade(database)
            async with database.write() as session:
                await session.execute(query)
            await database.close()
        """,
    )
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines("*the audit log only grows: UPDATE*")


def test_sleeping_in_the_event_loop_fails_the_test(watched: pytest.Pytester) -> None:
    result = run(
        watched,
        """
        import time

        async def test_blocks():
            time.sleep(0.01)

        def test_may_sleep():
            time.sleep(0.01)
        """,
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines("*BlockingError: Blocking call to time.sleep*")


def test_a_blocking_call_of_our_code_fails_the_test(watched: pytest.Pytester) -> None:
    result = run(
        watched,
        """
        import linecache
        import os

        import sunsweep

        SOURCE = "import os\\ndef read():\\n    return os.stat('.')\\n"

        async def test_blocks():
            # stands for a function of the distribution, by its file's name
            scope = {}
            exec(compile(SOURCE, os.path.dirname(sunsweep.__file__) + "/made_up.py", "exec"), scope)
            scope["read"]()

        async def test_may_look():
            os.stat(".")
        """,
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines("*BlockingError: Blocking call to os.stat*")


def test_a_missing_program_fails_and_says_what_to_do(watched: pytest.Pytester) -> None:
    result = run(
        watched,
        """
        from tests.support.programs import find_program

        def test_needs_it():
            find_program("no-such-program")
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*no-such-program is not installed; `make setup` installs it*")


async def test_the_database_is_empty_and_takes_rows(database_url: str) -> None:
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE sample (word VARCHAR(8) PRIMARY KEY)"))
        await connection.execute(text("INSERT INTO sample VALUES ('水')"))
        assert (await connection.scalar(text("SELECT word FROM sample"))) == "水"
    await engine.dispose()


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_a_database_of_its_own(database_url: str, turn: int) -> None:
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE once (turn INTEGER)"))
    await engine.dispose()


async def test_mariadb_is_strict_and_durable(mariadb_url: str) -> None:
    engine = create_async_engine(mariadb_url)
    async with engine.connect() as connection:
        mode, flush, charset = (
            await connection.execute(
                text("SELECT @@sql_mode, @@innodb_flush_log_at_trx_commit, @@character_set_database")
            )
        ).one()
    await engine.dispose()
    assert "STRICT_ALL_TABLES" in mode
    assert (flush, charset) == (1, "utf8mb4")


async def test_databases_can_be_made_inside_a_running_loop(mariadb: MariaDB) -> None:
    started = time.monotonic()
    first, second = mariadb.create_database(), mariadb.create_database()
    assert first != second
    mariadb.drop_database(first)
    mariadb.drop_database(second)
    assert time.monotonic() - started < 5
