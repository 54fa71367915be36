"""Migrations on MySQL and MariaDB, whose statements on the shape of tables commit by themselves.

One that was killed has done a part, and the next start does the rest: what is there already is passed over. SQLite
needs none of it, for there a migration is one transaction; so one that is wrong by itself is red there.
"""

import time
from typing import Any, Final

from alembic.ddl.mysql import MySQLImpl
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

LOCK_WAIT_S: Final = 3
"""Whoever comes to a table that a statement waits for has to queue behind it."""
REST_S: Final = 1.0
TRIES: Final = 100

_DONE: Final = frozenset({1050, 1060, 1061, 1062, 1091, 1826})
"""Table, column, index or row there already; not there any more; a foreign key's name taken."""
_BUSY: Final = frozenset({1205, 3572})
_ONE_AT_A_TIME_S: Final = 3600


class ResumableImpl(MySQLImpl):
    """How Alembic does things on MySQL, from the moment this module is imported."""

    __dialect__ = "mysql"

    def _exec(self, *words: Any, **more: Any) -> Any:
        for _ in range(TRIES):
            try:
                return super()._exec(*words, **more)
            except DBAPIError as error:
                number = error.orig.args[0] if error.orig is not None and error.orig.args else None
                if number in _DONE:
                    return None
                if number not in _BUSY:
                    raise
                busy = error
                time.sleep(REST_S)
        raise busy


def take_turn(connection: Connection) -> None:
    """Wait until no other process migrates this database, and be who does until the connection ends.

    Raises `TimeoutError` after an hour.
    """
    if connection.dialect.name == "sqlite":
        return  # its transaction is everybody's one turn
    lock = text("SELECT GET_LOCK(CONCAT('sunsweep-', SHA1(DATABASE())), :wait_s)")
    if connection.scalar(lock, {"wait_s": _ONE_AT_A_TIME_S}) != 1:
        raise TimeoutError("another process has been migrating this database for an hour")
    connection.execute(text(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_S}"))
