"""What a list of machines says of them beside their newest states: read in few statements, by keys, and truly."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event, insert, select, text

from sunsweep.contract.times import iso
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import CommandRow, DeadLetter, Machine
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.commands import service as commands
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.features.machines import service
from sunsweep.server.features.machines.attention_repository import REFUSED_MS, attention
from tests.server.test_command_plans import COMMANDS, MACHINES, command_of
from tests.support.plans import plan
from tests.support.platform import Platform
from tests.support.tenants import dead_letter

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW_MS = 1_900_000_000_000
LETTERS = 40
IDS = range(1, MACHINES + 1)
BY_SERIAL = "uq_machine_company_id_serial_archived_key"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(module_url: str) -> AsyncIterator[Database]:
    """Three companies; each machine has a long history of commands, an open stop and many dead letters."""
    opened = Database(module_url)
    await upgrade(opened)
    async with opened.write() as session:
        for company_id in (1, 2, 3):
            await accounts.add_company(session, f"C-{company_id}", now_ms=1)
            rows = [{"company_id": company_id, "serial": f"M-{n}", "created_at": 1} for n in range(MACHINES)]
            await session.execute(insert(Machine), rows)
        for machine in list(await session.scalars(select(Machine))):
            await session.execute(insert(CommandRow), [command_of(machine, n) for n in range(COMMANDS)])
            await session.execute(insert(DeadLetter), [letter_of(machine, n) for n in range(LETTERS)])
    if not opened.is_sqlite:
        async with opened.outside_transactions() as connection:
            await connection.execute(text("ANALYZE TABLE command, machine, dead_letter"))
    yield opened
    await opened.close()


def letter_of(machine: Machine, number: int) -> dict[str, Any]:
    """Hourly, the newest an hour ago."""
    topic = f"company/{machine.company_id}/machine/{machine.serial}/telemetry"
    about = {"company_id": machine.company_id, "machine_id": machine.id, "topic": topic}
    received_at = NOW_MS - (LETTERS - number) * 3_600_000
    return {**about, "size": 1, "reason": "not_json", "detail": "", "received_at": received_at}


@pytest.mark.parametrize(
    ("table", "indexes"),
    [
        ("command", {"ix_command_machine_id_id", "ix_command_holds_machine_id", "PRIMARY"}),
        ("dead_letter", {"ix_dead_letter_machine_id_received_at"}),
    ],
)
async def test_it_is_read_by_keys(database: Database, table: str, indexes: set[str]) -> None:
    found = await plan(database, lambda session: attention(session, IDS, now_ms=NOW_MS), table)
    assert {index for index, _ in found} == indexes


async def test_a_company_s_machines_are_counted_by_an_index_alone(database: Database) -> None:
    found = await plan(database, lambda session: machines.roster(session, 1), "machine")
    # SQLite gives the index of a constraint a name of its own.
    assert [index for index, _ in found] == ["PRIMARY" if database.is_sqlite else BY_SERIAL]


async def test_a_page_takes_as_many_statements_as_one_machine(database: Database) -> None:
    said: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "SELECT" in statement:
            said.append(statement)

    engine = database._engine.sync_engine
    counts = []
    for ids in ([1], IDS):
        async with database.read() as session:
            event.listen(engine, "before_cursor_execute", listen)
            try:
                found = await attention(session, ids, now_ms=NOW_MS)
            finally:
                event.remove(engine, "before_cursor_execute", listen)
        assert found.keys() == set(ids)
        counts.append(len(said))
        said.clear()
    assert counts == [3, 3]
    one = found[1]
    assert one.open_stop is not None
    assert one.last_command is not None
    assert (one.open_stop.command, one.last_command.id) == ("stop_cleaning", one.open_stop.id)
    assert one.refused_at == NOW_MS - 3_600_000


async def test_the_list_names_the_open_stop_the_newest_command_and_the_newest_refusal(quiet: Platform) -> None:
    for serial in ("CALM-1", "STOPPED-1", "STARTED-1"):
        await quiet.add_machine(serial)
    now_ms = wall_clock()
    async with quiet.database.write() as session:
        for serial, orders in {
            "STOPPED-1": ["start_cleaning", "stop_cleaning"],
            "STARTED-1": ["start_cleaning"],
        }.items():
            machine = await service.known(session, 1, serial, lock=True)
            for order in orders:
                await commands.give(session, machine, commands.Wish(order, {}), user_id=None, now_ms=now_ms)
            old, new = (dead_letter(1, serial, machine.id) for _ in range(2))
            old.received_at = now_ms - REFUSED_MS - 60_000
            new.received_at = now_ms - 5000
            session.add_all([old, new] if serial == "STARTED-1" else [old])
    items = {one["machine_id"]: one for one in (await quiet.get("/machines", as_="viewer@example.com"))["items"]}
    calm, stopped, started = items["CALM-1"], items["STOPPED-1"], items["STARTED-1"]
    assert (calm["open_stop"], calm["last_command"], calm["refused_at"]) == (None, None, None)
    stop = stopped["open_stop"]
    assert (stop["command"], stop["state"], stop["since"]) == ("stop_cleaning", "queued", iso(now_ms))
    assert stopped["last_command"] == {
        "id": stop["id"],
        "command": "stop_cleaning",
        "state": "queued",
        "at": iso(now_ms),
    }
    assert (started["open_stop"], started["last_command"]["command"]) == (None, "start_cleaning")
    assert (stopped["refused_at"], started["refused_at"]) == (None, iso(now_ms - 5000))
    for serial, listed in items.items():
        alone = await quiet.get(f"/machines/{serial}")
        assert {name: alone[name] for name in listed} == listed
