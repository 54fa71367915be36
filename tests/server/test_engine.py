"""The address of a database: which driver is ours to choose."""

from pathlib import Path

import pytest
from sqlalchemy import text

from sunsweep.server.db.engine import Database
from tests.support.mariadb import MariaDB


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite", "sqlite+pysqlite"])
async def test_sqlite_by_any_driver_s_name(tmp_path: Path, scheme: str) -> None:
    assert await answers(f"{scheme}:///{tmp_path / 'any.db'}")


@pytest.mark.parametrize("scheme", ["mysql", "mysql+pymysql", "mysql+asyncmy", "mariadb"])
async def test_mysql_by_any_driver_s_name(mariadb: MariaDB, scheme: str) -> None:
    url = mariadb.create_database()
    assert await answers(url.replace("mysql+asyncmy", scheme))
    mariadb.drop_database(url)


async def answers(url: str) -> bool:
    database = Database(url)
    async with database.read() as session:
        answer: int = (await session.execute(text("SELECT 1"))).scalar_one()
    await database.close()
    return answer == 1
