"""The database behind one small object: sessions that read, sessions that write, and nothing else that commits."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from asyncmy.constants import CLIENT
from sqlalchemy import URL, Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool

from sunsweep.server.db.within import watch, within

STRICT_SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
BUSY_TIMEOUT_S = 15
INGEST_SILENCE_S: Final = 20
"""A database with which an ingest's transaction takes longer is away: its network may have been cut."""
SILENCE_S: Final = 120
"""The same for everybody else's. Migrations and snapshots take their time."""
DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "mysql": "mysql+asyncmy", "mariadb": "mysql+asyncmy"}

DATABASE_AWAY: Final = (DBAPIError, PoolTimeoutError, OSError)
"""What a database raises that takes nothing now; the pool's own timeout comes when others hold every connection."""


class Database:
    """An engine for a URL of SQLite, MySQL or MariaDB; close it when done."""

    def __init__(self, url: str) -> None:
        address = make_url(url)
        kind = address.get_backend_name()
        self.is_sqlite = kind == "sqlite"
        # The driver is ours to choose, whichever the URL names.
        address = address.set(drivername=DRIVERS.get(kind, address.drivername))
        self._address = address
        # Not the driver's own limit: Python 3.11's `wait_for`, of which it is made, loses cancellations.
        self._within_s = None if self.is_sqlite else SILENCE_S
        self.ingest_within_s = None if self.is_sqlite else INGEST_SILENCE_S
        """Seconds; longer than this an ingest does not wait."""
        self._engine = _sqlite_engine(address) if self.is_sqlite else _mysql_engine(address, silence_s=SILENCE_S)
        self._writer = self._engine.execution_options(sunsweep_write=True)
        self._snapshots = (
            self._engine if self.is_sqlite else self._engine.execution_options(isolation_level="REPEATABLE READ")
        )
        self._ingest = (
            self._writer if self.is_sqlite else _mysql_engine(address, silence_s=INGEST_SILENCE_S, counts_changes=True)
        )

    @property
    def pools(self) -> dict[str, QueuePool]:
        """The pools of connections; on SQLite the ingest has none of its own."""
        pools = (
            {"all": self._engine.pool} if self.is_sqlite else {"all": self._engine.pool, "ingest": self._ingest.pool}
        )
        return {name: pool for name, pool in pools.items() if isinstance(pool, QueuePool)}

    @asynccontextmanager
    async def read(self, *, within_s: float | None = None) -> AsyncIterator[AsyncSession]:
        """A session that is rolled back at its end."""
        limit = within(within_s or self._within_s)
        async with limit, AsyncSession(self._engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncSession]:
        """A session that is rolled back at its end, all of whose reads show the same moment."""
        async with within(None), AsyncSession(self._snapshots, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self, *, within_s: float | None = None) -> AsyncIterator[AsyncSession]:
        """The request's unit of work: committed at its end, rolled back if anything is raised."""
        limit = within(within_s or self._within_s)
        async with limit, AsyncSession(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """The ingest's unit of work: a bare connection, committed at its end; `rowcount` counts what has changed."""
        async with within(self.ingest_within_s), self._ingest.connect() as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def outside_transactions(self) -> AsyncIterator[AsyncConnection]:
        """A connection for statements that commit by themselves, as MySQL's on the shape of tables do."""
        async with within(None), self._engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def run_sync(self, migrate: Any) -> None:
        """Hand a synchronous connection in a writing transaction to `migrate` (migrations are synchronous)."""
        async with self._patient() as writer, writer.connect() as connection, connection.begin():
            await connection.run_sync(migrate)

    @asynccontextmanager
    async def _patient(self) -> AsyncIterator[AsyncEngine]:
        """An engine that writes, and waits for an answer however long it takes."""
        if self.is_sqlite:
            yield self._writer
            return
        engine = _mysql_engine(self._address, silence_s=None)
        try:
            yield engine
        finally:
            await engine.dispose()

    async def close(self) -> None:
        await self._engine.dispose()
        await self._ingest.dispose()


class _RolledBack(sqlite3.Connection):
    """One that ends its transaction when it is closed.

    SQLite itself ends it with the connection's last statement, and one that was cancelled may be held for ever by who
    tells of it: until then nobody else could write.
    """

    def close(self) -> None:
        try:
            self.rollback()
        finally:
            super().close()


def _sqlite_engine(url: URL) -> AsyncEngine:
    arguments = {"timeout": BUSY_TIMEOUT_S, "factory": _RolledBack}
    engine = create_async_engine(url, hide_parameters=True, connect_args=arguments, pool_size=8, max_overflow=8)
    # Of two cancellations the second would have SQLAlchemy stop the driver's thread and not wait for it: it then ended
    # with an answer still owed, or after the loop, with a transaction still open.
    engine.dialect.do_terminate = engine.dialect.do_close  # type: ignore[method-assign]  # closing waits for the thread

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # The driver would open transactions by itself, too late and never IMMEDIATE.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # NORMAL could lose acknowledged rows in a power cut.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later cannot be upgraded once another one has committed.
        write = connection.get_execution_options().get("sunsweep_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _mysql_engine(url: URL, *, silence_s: float | None, counts_changes: bool = False) -> AsyncEngine:
    engine = create_async_engine(
        url,
        # Errors, and who logs or traces them, name no value: hashes of passwords are among them.
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        # The ingest begins again by itself where a connection turns out to be dead, and ends every transaction.
        pool_pre_ping=not counts_changes,
        pool_reset_on_return=None if counts_changes else "rollback",
        pool_recycle=1800 if silence_s is None else max(1, int(silence_s)),
        pool_size=8,
        max_overflow=8,
    )

    watch(engine.sync_engine)

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(dialect: Any, _record: object, words: tuple[Any, ...], options: dict[str, Any]) -> Any:
        # SQLAlchemy has rows counted that were found; a row that is there already must not count as inserted.
        if counts_changes:
            options["client_flag"] &= ~CLIENT.FOUND_ROWS
        try:
            return dialect.connect(*words, **options)
        except RuntimeError as error:
            # The driver looks for the socket of a connection that has been reset already.
            raise ConnectionResetError(str(error)) from error

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET SESSION sql_mode='{STRICT_SQL_MODE}', time_zone='+00:00'")
        if silence_s is not None:
            # One that was cut off within a transaction would hold its locks for the server's own eight hours.
            cursor.execute(f"SET SESSION wait_timeout={max(2, int(silence_s * 1.5))}")
        cursor.close()

    return engine
