"""A database for a test, once per kind: write a test against `database_url` or `database` and it holds on both."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from tests.support.mariadb import MariaDB, running_mariadb


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """The MariaDB server of this run."""
    with running_mariadb(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite+aiosqlite:///{tmp_path / 'sunsweep.db'}"


@pytest.fixture
def mariadb_url(mariadb: MariaDB) -> Iterator[str]:
    """The URL of an empty database in MariaDB."""
    url = mariadb.create_database()
    yield url
    mariadb.drop_database(url)


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, once on SQLite and once on MariaDB."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database with nothing in it, once on SQLite and once on MariaDB."""
    opened = Database(database_url)
    await upgrade(opened)
    yield opened
    await opened.close()
