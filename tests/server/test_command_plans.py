"""What is asked of commands reads by index what it needs, with a long history of many companies, on both databases."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from sqlalchemy import insert, select, text

from sunsweep.contract.ids import uuid7
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import BulkRun, BulkTarget, CommandRow, Machine
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.commands import repository, standing_repository, standings
from sunsweep.server.features.commands.lifecycle import State
from sunsweep.server.features.commands.repository import Sought
from tests.support.plans import Query, plan

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMPANIES, MACHINES, COMMANDS = 4, 30, 250


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(module_url: str) -> AsyncIterator[Database]:
    """Each machine has done what it was told, and has one stop that is open."""
    opened = Database(module_url)
    await upgrade(opened)
    async with opened.write() as session:
        for company_id in range(1, COMPANIES + 1):
            await accounts.add_company(session, f"C-{company_id}", now_ms=1)
            rows = [{"company_id": company_id, "serial": f"M-{n}", "created_at": 1} for n in range(MACHINES)]
            await session.execute(insert(Machine), rows)
        machines = list(await session.scalars(select(Machine)))
        for machine in machines:
            await session.execute(insert(CommandRow), [command_of(machine, n) for n in range(COMMANDS)])
        for run in range(0, COMMANDS, 2):
            session.add(run_of(run))
            await session.flush()
            of_run = [
                {"bulk_id": str(run), "machine_id": m.id, "stage": 1, "command_id": command_of(m, run)["id"]}
                for m in machines
            ]
            await session.execute(insert(BulkTarget), of_run)
    if not opened.is_sqlite:
        async with opened.outside_transactions() as connection:
            await connection.execute(text("ANALYZE TABLE command, machine, bulk_target"))
    yield opened
    await opened.close()


def command_of(machine: Machine, number: int) -> dict[str, Any]:
    is_last = number == COMMANDS - 1
    return {
        "id": uuid7(1_800_000_000_000 + number, machine.id * 1000 + number),
        "company_id": machine.company_id,
        "machine_id": machine.id,
        "command": "stop_cleaning" if is_last else "start_cleaning",
        "params": "{}",
        "state": State.UNCONFIRMED if is_last else State.SUCCEEDED,
        "issued_by": None,
        "issued_by_key": 1 + number % 50,
        "issued_at": 1_800_000_000_000 + number,
        "changed_at": 1_800_000_000_000 + number,
        "holds": 2 if is_last else 0,
    }


def run_of(number: int) -> BulkRun:
    return BulkRun(
        id=str(number),
        company_id=1,
        command="start_cleaning",
        params="{}",
        selection="{}",
        stage_size=MACHINES,
        state="finished",
        issued_at=1_800_000_000_000 + number,
    )


IDS: Final = range(1, MACHINES + 1)
SINCE_MS: Final = 1_800_000_000_200
BEFORE: Final = uuid7(1_800_000_000_100, 0)
OF_MACHINE, OF_COMPANY = "ix_command_machine_id_id", "ix_command_company_id_id"
BY_STATE, BY_HOLDS, BY_COMMAND = (
    "ix_command_state_machine_id",
    "ix_command_holds_machine_id",
    "ix_command_machine_id_command_id",
)
QUERIES: dict[str, tuple[Query, set[str]]] = {
    "a machine's": (lambda s: repository.page(s, 1, Sought(before=BEFORE)), {OF_MACHINE}),
    "a company's": (lambda s: repository.company_page(s, 1, Sought()), {OF_COMPANY}),
    "a company's next": (lambda s: repository.company_page(s, 1, Sought(before=BEFORE)), {OF_COMPANY}),
    "a company's failed": (lambda s: repository.company_page(s, 1, Sought(states=[State.FAILED])), {OF_COMPANY}),
    "a company's others": (lambda s: repository.company_page(s, 1, Sought(open=False)), {OF_COMPANY}),
    "a company's open": (lambda s: repository.company_page(s, 1, Sought(open=True)), {BY_HOLDS}),
    "a company's queued": (lambda s: repository.company_page(s, 1, Sought(states=[State.QUEUED])), {BY_STATE}),
    "a company's single": (lambda s: repository.company_page(s, 1, Sought(bulk=False)), {OF_COMPANY}),
    "a company's single queued": (
        lambda s: repository.company_page(s, 1, Sought(states=[State.QUEUED], bulk=False)),
        {BY_STATE},
    ),
    "a company's of runs": (lambda s: repository.company_page(s, 1, Sought(bulk=True)), {OF_COMPANY}),
    "standings": (lambda s: standings.standings(s, IDS), {BY_HOLDS, OF_MACHINE, BY_COMMAND}),
    "what makes way": (lambda s: standing_repository.in_the_way(s, IDS, 2), {BY_STATE, BY_HOLDS, "PRIMARY"}),
    "a person's last": (
        lambda s: repository.starts_since(s, user_id=3, key_id=None, since_ms=SINCE_MS, most=60),
        {"ix_command_issued_by_issued_at"},
    ),
    "a program's last": (
        lambda s: repository.starts_since(s, user_id=None, key_id=3, since_ms=SINCE_MS, most=60),
        {"ix_command_issued_by_key_issued_at"},
    ),
}
IN_ORDER: Final = {
    "a machine's",
    "a company's",
    "a company's next",
    "a company's failed",
    "a company's others",
    "a company's single",
    "a company's of runs",
}
OF_RUNS: Final[dict[str, Query]] = {
    "single": lambda s: repository.company_page(s, 1, Sought(bulk=False)),
    "whose": lambda s: repository.bulk_ids(s, [uuid7(1_800_000_000_000 + n, 1000 + n) for n in range(50)]),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_commands_are_read_by_index(database: Database, name: str) -> None:
    query, indexes = QUERIES[name]
    found = await plan(database, query)
    assert {index for index, _ in found} == indexes
    assert name not in IN_ORDER or not any(is_sorted for _, is_sorted in found), found


@pytest.mark.parametrize("name", OF_RUNS)
async def test_what_runs_gave_is_looked_up_by_command(database: Database, name: str) -> None:
    found = await plan(database, OF_RUNS[name], "bulk_target")
    assert [index for index, _ in found] == ["ix_bulk_target_command_id"]
