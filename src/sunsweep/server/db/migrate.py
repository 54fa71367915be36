"""Bring a database to the newest schema, or say that it is not there yet."""

import asyncio
from importlib.resources import files
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from sunsweep.server.db.engine import Database
from sunsweep.server.db.resumable import take_turn


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("sunsweep.server.db") / "migrations"))
    config.attributes["connection"] = connection
    return config


async def upgrade(database: Database) -> None:
    """Run every migration that is still to run; it blocks the loop, so do it before anything else is begun.

    Of several processes that begin it at once, one does it. One that was killed is begun again and goes on.
    """
    await database.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    take_turn(connection)
    command.upgrade(_config(connection), "head")


class Standing(NamedTuple):
    """Where the database's schema stands, where this program's does, and all that this program knows, oldest first."""

    current: set[str]
    newest: set[str]
    known: list[str]


async def standing(database: Database) -> Standing:
    """Without changing anything; an empty database stands nowhere."""
    async with database.read() as session:
        connection = await session.connection()
        current = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_heads())
    return Standing(set(current), await asyncio.to_thread(_newest), await asyncio.to_thread(revisions))


async def is_current(database: Database) -> bool:
    """Whether the schema is the one this program was written for."""
    stands = await standing(database)
    return stands.current == stands.newest


def revisions() -> list[str]:
    """Every schema that this program can begin from, the oldest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def _newest() -> set[str]:
    return set(ScriptDirectory.from_config(_config()).get_heads())
