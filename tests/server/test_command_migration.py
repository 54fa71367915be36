"""Commands that an earlier version has given: the next one knows whose they are, and which stops are still open."""

from functools import partial

from alembic import command
from blockbuster import BlockBuster
from sqlalchemy import Connection, select, text

from sunsweep.server.db import migrate
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import CommandRow

BEFORE = "0004"
GIVEN = {
    "start_cleaning": ("queued", None),
    "stop_cleaning": ("sent", 5),
    "return_to_dock": ("running", 5),
    "emergency_stop": ("unconfirmed", 5),
}


def _upgrade(connection: Connection, to: str) -> None:
    command.upgrade(migrate._config(connection), to)


async def test_an_earlier_version_s_commands_are_taken_over(database_url: str, blocking_calls: BlockBuster) -> None:
    blocking_calls.deactivate()  # migrations read files
    database = Database(database_url)
    await database.run_sync(partial(_upgrade, to=BEFORE))
    async with database.write() as session:
        await session.execute(text("INSERT INTO company (id, name, raw_since, created_at) VALUES (7, 'Alpha', 0, 1)"))
        machine = "id, company_id, serial, name, model, tags, expected_interval_s, enabled, created_at, archived_key"
        await session.execute(text(f"INSERT INTO machine ({machine}) VALUES (3, 7, 'A', '', '', '[]', 60, 1, 1, 0)"))
        columns = "id, machine_id, command, params, state, reason, issued_at, sent_at, changed_at"
        for number, (name, (state, sent_at)) in enumerate(GIVEN.items()):
            row = {"id": f"c-{number}", "name": name, "state": state, "sent_at": sent_at}
            values = ":id, 3, :name, '{}', :state, '', 1, :sent_at, 1"
            await session.execute(text(f"INSERT INTO command ({columns}) VALUES ({values})"), row)
    await migrate.upgrade(database)
    async with database.read() as session:
        rows = await session.scalars(select(CommandRow).order_by(CommandRow.id))
        found = {row.command: (row.company_id, row.holds, row.sends) for row in rows}
    assert found == {
        "start_cleaning": (7, 0, 0),
        "stop_cleaning": (7, 2, 1),
        "return_to_dock": (7, 1, 1),
        "emergency_stop": (7, 0, 1),
    }
    await database.close()
