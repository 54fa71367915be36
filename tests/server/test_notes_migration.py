"""Machines of an earlier version: the next one gives them empty notes, and the earlier one may still add some."""

from functools import partial

from alembic import command
from blockbuster import BlockBuster
from sqlalchemy import Connection, select, text
from sqlalchemy.orm import undefer

from sunsweep.server.db import migrate
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Machine

BEFORE = "0005"
COLUMNS = "company_id, serial, name, model, tags, expected_interval_s, enabled, created_at, archived_key"


def _upgrade(connection: Connection, to: str) -> None:
    command.upgrade(migrate._config(connection), to)


async def test_both_versions_add_machines(database_url: str, blocking_calls: BlockBuster) -> None:
    blocking_calls.deactivate()  # migrations read files
    database = Database(database_url)
    await database.run_sync(partial(_upgrade, to=BEFORE))
    async with database.write() as session:
        company = "INSERT INTO company (id, name, raw_since, created_at, custom_commands) VALUES (7, 'Alpha', 0, 1, 0)"
        await session.execute(text(company))
    add = text(f"INSERT INTO machine ({COLUMNS}) VALUES (7, :serial, '', '', '[]', 60, 1, 1, 0)")
    async with database.write() as session:
        await session.execute(add, {"serial": "BEFORE"})
    await migrate.upgrade(database)
    async with database.write() as session:
        await session.execute(add, {"serial": "BESIDE"})
        session.add(Machine(company_id=7, serial="SINCE", created_at=1, notes="dry"))
    async with database.read() as session:
        found = await session.scalars(select(Machine).options(undefer(Machine.notes)))
        assert {one.serial: one.notes for one in found} == {"BEFORE": "", "BESIDE": "", "SINCE": "dry"}
    await database.close()
