"""A database whose every statement is a step of the process that makes it, in the loop and without a thread."""

import asyncio
import sqlite3
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.util import await_only

from sunsweep.server.db.engine import BUSY_TIMEOUT_S, Database
from tests.commands.loop import Point, come_to

LOOK_AGAIN_S: Final = 0.05


class _Cursor(sqlite3.Cursor):
    connection: "_Connection"

    def execute(self, statement: str, values: Any = ()) -> "_Cursor":
        if statement.startswith("PRAGMA synchronous"):
            return self  # no power is cut here, and syncing takes longer than all the rest
        self.connection.step()
        return self._once_nobody_writes(super().execute, statement, values)

    def executemany(self, statement: str, values: Any) -> "_Cursor":
        self.connection.step()
        return self._once_nobody_writes(super().executemany, statement, list(values))

    def close(self) -> None:
        if not self.connection.dead:
            super().close()

    async def _async_soft_close(self) -> None:
        """SQLAlchemy's word for giving back what a stream holds: nothing is streamed here."""

    def _once_nobody_writes(self, execute: Any, statement: str, values: Any) -> "_Cursor":
        waited_s = 0.0
        while True:
            try:
                execute(statement, values)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or waited_s >= BUSY_TIMEOUT_S:
                    raise
            else:
                return self
            _wait(asyncio.sleep(LOOK_AGAIN_S))
            waited_s += LOOK_AGAIN_S
            self.connection.check()


class _Connection(sqlite3.Connection):
    dead = False

    def cursor(self, *_: Any, **__: Any) -> _Cursor:  # type: ignore[override]  # ours alone
        return super().cursor(_Cursor)

    def step(self) -> None:
        self.check()
        _wait(asyncio.sleep(0))
        self.check()

    def check(self) -> None:
        if self.dead:
            raise sqlite3.OperationalError("the process was killed")

    def commit(self) -> None:
        if self.dead or not self.in_transaction:
            return
        _wait(come_to(Point.COMMIT))
        self.check()
        super().commit()
        _wait(come_to(Point.COMMITTED))

    def rollback(self) -> None:
        if not self.dead:
            super().rollback()

    def close(self) -> None:
        if not self.dead:
            super().close()

    def terminate(self) -> None:
        self.close()

    def die(self) -> None:
        """What the kernel does with it: what was not committed has never been."""
        super().close()
        self.dead = True


class StepDatabase(Database):
    """Of one process. Made once and used again: what SQLAlchemy has compiled is most of its time."""

    def __init__(self) -> None:
        super().__init__("sqlite+aiosqlite:///nowhere.db")
        self._path: Path | None = None
        self._connections: list[_Connection] = []
        event.listen(self._engine.sync_engine, "do_connect", self._connect)

    def open(self, path: Path) -> "StepDatabase":
        self._path = path
        return self

    def kill(self) -> None:
        self._path = None
        for connection in self._connections:
            connection.die()
        self._connections.clear()
        self._engine.sync_engine.dispose(close=False)

    def _connect(self, *_: Any) -> _Connection:
        if self._path is None:
            raise sqlite3.OperationalError("the process was killed")
        connection = sqlite3.connect(self._path, factory=_Connection, timeout=0, check_same_thread=False)
        self._connections.append(connection)
        return connection


def _wait(what: Awaitable[None]) -> None:
    await_only(what)
