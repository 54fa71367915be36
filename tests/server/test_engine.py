"""The address of a database: which driver is ours to choose, and what it raises where nobody answers."""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop
from sqlalchemy import text
from sqlalchemy.exc import PendingRollbackError

from sunsweep.server.db.engine import DATABASE_AWAY, Database
from tests.support.mariadb import MariaDB
from tests.support.platform import eventually
from tests.support.proxy import proxy_to

ATTEMPTS = 30


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite", "sqlite+pysqlite"])
async def test_sqlite_by_any_driver_s_name(tmp_path: Path, scheme: str) -> None:
    assert await answers(f"{scheme}:///{tmp_path / 'any.db'}")


@pytest.mark.parametrize("scheme", ["mysql", "mysql+pymysql", "mysql+asyncmy", "mariadb"])
async def test_mysql_by_any_driver_s_name(mariadb: MariaDB, scheme: str) -> None:
    url = mariadb.create_database()
    assert await answers(url.replace("mysql+asyncmy", scheme))
    mariadb.drop_database(url)


async def test_a_connection_that_is_reset_at_once_is_a_database_away() -> None:
    with resetting_server() as port:
        url = f"mysql://nobody@127.0.0.1:{port}/none"
        # As in production: there a transport that has been closed forgets its socket.
        found = await asyncio.to_thread(uvloop.run, failures(url))
    assert len(found) == ATTEMPTS
    assert [error for error in found if not isinstance(error, DATABASE_AWAY)] == []


async def failures(url: str) -> list[BaseException]:
    database = Database(url)
    found: list[BaseException] = []
    for _ in range(ATTEMPTS):
        try:
            async with database.transaction():
                pass
        except Exception as error:  # noqa: BLE001  which ones is the test's question
            found.append(error)
    await database.close()
    return found


@pytest.mark.parametrize("cancellations", [1, 2])
async def test_who_is_cancelled_while_sqlite_is_busy_leaves_nothing_open(tmp_path: Path, cancellations: int) -> None:
    url = f"sqlite:///{tmp_path / 'busy.db'}"
    first, second = Database(url), Database(url)
    before = threading.active_count()
    async with first.write() as session:
        await session.execute(text("CREATE TABLE t (x INTEGER)"))
        waiting = asyncio.create_task(write_one(second))
        for _ in range(cancellations):
            await asyncio.sleep(0.2)
            waiting.cancel()
        # The driver's thread has asked for the lock and cannot be called back: nothing ends before it.
        await asyncio.sleep(0.2)
        assert not waiting.done()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await second.close()
    await write_one(first)
    await first.close()
    # A thread of the driver's answers, and then ends.
    await eventually(threads_of(before))


def threads_of(number: int) -> Callable[[], Awaitable[bool]]:
    async def reached() -> bool:
        return threading.active_count() == number

    return reached


async def test_a_connection_that_is_closed_under_a_cursor_keeps_no_lock(tmp_path: Path) -> None:
    """Who tells of a cancelled statement still holds its cursor, and so SQLite's connection and its transaction."""
    database = Database(f"sqlite:///{tmp_path / 'held.db'}")
    async with database.write() as session:
        await session.execute(text("CREATE TABLE t (x INTEGER)"))
    await write_one(database)
    with pytest.raises(PendingRollbackError):  # noqa: PT012  it is the end of the block that raises
        async with database.transaction() as connection:
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            held = await raw.driver_connection.execute("SELECT x FROM t")
            await connection.invalidate()
    await write_one(database)
    await database.close()
    with pytest.raises(ValueError, match="closed"):
        await held.fetchone()


async def write_one(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text("INSERT INTO t VALUES (1)"))


@contextmanager
def resetting_server() -> Iterator[int]:
    """It accepts, and resets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=reset_all, args=[listener])
        thread.start()
        yield int(listener.getsockname()[1])
    thread.join()


def reset_all(listener: socket.socket) -> None:
    for _ in range(ATTEMPTS):
        connection, _ = listener.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


async def answers(url: str) -> bool:
    database = Database(url)
    async with database.read() as session:
        answer: int = (await session.execute(text("SELECT 1"))).scalar_one()
    await database.close()
    return answer == 1


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
async def test_a_network_that_goes_silent_before_the_closing_holds_nobody(
    mariadb: MariaDB, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Closing asks the server to roll back; nobody answers, and SQLAlchemy takes no cancellation there."""
    url = mariadb.create_database()

    def run() -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(silent_at_the_end(url, mariadb.port))

    await asyncio.to_thread(run)
    mariadb.drop_database(url)


async def silent_at_the_end(url: str, port: int) -> None:
    async with proxy_to(port) as proxy:
        database = Database(url.replace(f":{port}/", f":{proxy.port}/"))
        for unit in (database.read, database.write):
            with pytest.raises(DATABASE_AWAY):  # noqa: PT012  it is the end of the block that raises
                async with unit(within_s=0.5) as session:
                    await session.execute(text("SELECT 1"))
                    proxy.go_silent()
            proxy.pass_again()
            async with unit(within_s=5) as session:
                await session.execute(text("SELECT 1"))
        await database.close()
