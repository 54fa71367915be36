"""Database and schema, each check shown red by breaking the thing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from sunsweep.server.db.engine import Database
from sunsweep.server.doctor.database import DATABASE, MIGRATIONS
from sunsweep.server.doctor.findings import Level
from sunsweep.server.doctor.surroundings import Surroundings
from tests.doctor.looking import levels, look, told
from tests.support.mariadb import MariaDB
from tests.support.platform import Platform
from tests.support.ports import free_port

UNSAFE = "it never waits for its disk: a power cut loses what was confirmed"
"""The tests' own MariaDB does not: it would take ten times as long."""


@pytest.fixture
def server_variable(mariadb: MariaDB) -> Iterator[list[str]]:
    """Statements that bring a variable of the shared server back."""
    undo: list[str] = []
    yield undo
    for statement in undo:
        mariadb.execute(statement)


async def test_it_answers_with_its_version(quiet: Platform, around: Surroundings) -> None:
    findings = await look(DATABASE, around)
    (version, *_) = told(findings, Level.OK)
    assert version.startswith("SQLite 3." if quiet.database.is_sqlite else "MariaDB 1")
    assert told(findings, Level.FAILS) == ([] if quiet.database.is_sqlite else [UNSAFE])


@pytest.mark.parametrize(
    ("broken", "mended", "level", "words"),
    [
        ("innodb_flush_log_at_trx_commit=2", "innodb_flush_log_at_trx_commit=1", Level.FAILS, "up to a second"),
        ("read_only=1", "read_only=0", Level.FAILS, "takes no writes"),
        ("max_allowed_packet=1048576", "max_allowed_packet=16777216", Level.FAILS, "max_allowed_packet is 1 MiB"),
        ("max_connections=90", "max_connections=200", Level.WARNING, "max_connections is 90"),
    ],
)
@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
async def test_a_server_that_is_set_wrong_is_told(
    around: Surroundings,
    mariadb: MariaDB,
    server_variable: list[str],
    broken: str,
    mended: str,
    level: Level,
    words: str,
) -> None:
    server_variable.append(f"SET GLOBAL {mended}")
    mariadb.execute(f"SET GLOBAL {broken}")
    assert any(words in one for one in told(await look(DATABASE, around), level))


async def test_one_that_is_away_fails_and_names_no_password(around: Surroundings) -> None:
    database = Database(f"mysql://somebody:not-to-be-seen@127.0.0.1:{free_port()}/x")
    try:
        findings = await look(DATABASE, replace(around, database=database))
    finally:
        await database.close()
    (words,) = told(findings, Level.FAILS)
    assert "does not answer" in words
    assert "not-to-be-seen" not in str(findings)


async def test_the_schema_is_this_program_s(around: Surroundings) -> None:
    assert levels(await look(MIGRATIONS, around)) == {Level.OK}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE alembic_version SET version_num = '0005'", "the schema is 0005, and this program wants"),
        ("UPDATE alembic_version SET version_num = '9999'", "of another version of the program"),
        ("DELETE FROM alembic_version", "the schema is empty"),
    ],
)
async def test_another_schema_is_told(around: Surroundings, change: str, words: str) -> None:
    async with around.database.write() as session:
        await session.execute(text(change))
    (told_words,) = told(await look(MIGRATIONS, around), Level.FAILS)
    assert words in told_words
