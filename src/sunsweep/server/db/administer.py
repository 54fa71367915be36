"""What the administrator of MySQL does for Sunsweep: the database, the backend's user in it, and the broker's."""

import asyncio
import time
from typing import Final

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.server.db.engine import DATABASE_AWAY, Database

BROKER_VIEWS: Final = ("mqtt_user", "mqtt_acl")
"""All that the broker may see; deploy/emqx/grants.sql grants the same by hand."""
_PAUSE_S: Final = 0.5
_FULL: Final = 1040
_STOPPING: Final = 1053


async def wait_for(database: Database, *, within_s: float) -> None:
    """Return once it answers; raises what it said last when that takes longer, or when it says no."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            async with database.read() as session:
                await session.execute(text("SELECT 1"))
        except (*DATABASE_AWAY, TimeoutError) as error:
            if _is_no(error) or time.monotonic() >= deadline:
                raise
        else:
            return
        await asyncio.sleep(_PAUSE_S)


async def make_home(admin: Database, address: URL) -> None:
    """Have the database of `address` stand, and its user own it with the password that stands there."""
    if not address.database or not address.username:
        raise ValueError("the backend's address names no user or no database")
    async with admin.outside_transactions() as connection:
        name = _quoted(connection, address.database)
        await connection.exec_driver_sql(
            f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        )
        await _make_user(connection, address.username, address.password or "")
        pattern = _quoted(connection, address.database.replace("_", r"\_"))
        await connection.exec_driver_sql(f"GRANT ALL ON {pattern}.* TO %s@'%%'", (address.username,))


async def let_broker_read(admin: Database, name: str, user: str, password: str) -> None:
    """Have the broker's user stand with this password, and see the two views of the database `name`."""
    async with admin.outside_transactions() as connection:
        await _make_user(connection, user, password)
        for view in BROKER_VIEWS:
            await connection.exec_driver_sql(f"GRANT SELECT ON {_quoted(connection, name)}.{view} TO %s@'%%'", (user,))


async def _make_user(connection: AsyncConnection, user: str, password: str) -> None:
    """One that is there already has this password from now on."""
    for verb in ("CREATE USER IF NOT EXISTS", "ALTER USER"):
        await connection.exec_driver_sql(f"{verb} %s@'%%' IDENTIFIED BY %s", (user, password))


def _quoted(connection: AsyncConnection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)


def _is_no(error: Exception) -> bool:
    """Whether the server is there and refuses: a wrong password, a database that does not exist."""
    code = error.orig.args[0] if isinstance(error, DBAPIError) and error.orig is not None and error.orig.args else None
    return isinstance(code, int) and 1000 <= code < 2000 and code not in {_FULL, _STOPPING}
