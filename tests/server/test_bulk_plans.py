"""What is asked of bulk runs reads by index what it needs, beside many other runs and a long history of commands."""

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
from sunsweep.server.features.bulk import repository
from sunsweep.server.features.bulk.progress import FINISHED, RUNNING
from sunsweep.server.features.commands.lifecycle import State
from tests.support.plans import Query, plan

pytestmark = pytest.mark.asyncio(loop_scope="module")

MACHINES, RUNS = 60, 200
AT_MS: Final = 1_800_000_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(module_url: str) -> AsyncIterator[Database]:
    """Each run gave each machine a command; the last one is still running."""
    opened = Database(module_url)
    await upgrade(opened)
    async with opened.write() as session:
        await accounts.add_company(session, "Alpha", now_ms=1)
        rows = [{"company_id": 1, "serial": f"M-{n}", "created_at": 1} for n in range(MACHINES)]
        await session.execute(insert(Machine), rows)
        machines = list(await session.scalars(select(Machine)))
        for number in range(RUNS):
            await session.execute(insert(BulkRun), [run_of(number)])
            await session.execute(insert(CommandRow), [command_of(machine, number) for machine in machines])
            await session.execute(insert(BulkTarget), [target_of(machine, number) for machine in machines])
    if not opened.is_sqlite:
        async with opened.outside_transactions() as connection:
            await connection.execute(text("ANALYZE TABLE command, machine, bulk_run, bulk_target"))
    yield opened
    await opened.close()


def run_id(number: int) -> str:
    return uuid7(AT_MS + number, 0)


def run_of(number: int) -> dict[str, Any]:
    state = RUNNING if number == RUNS - 1 else FINISHED
    common = {"command": "start_cleaning", "params": "{}", "selection": "{}", "stage_size": MACHINES, "issued_at": 1}
    return {"id": run_id(number), "company_id": 1, "state": state, **common}


def command_of(machine: Machine, number: int) -> dict[str, Any]:
    return {
        "id": uuid7(AT_MS + number, machine.id),
        "company_id": 1,
        "machine_id": machine.id,
        "command": "start_cleaning",
        "params": "{}",
        "state": State.QUEUED if number == RUNS - 1 else State.SUCCEEDED,
        "issued_at": AT_MS,
        "changed_at": AT_MS,
    }


def target_of(machine: Machine, number: int) -> dict[str, Any]:
    return {
        "bulk_id": run_id(number),
        "machine_id": machine.id,
        "stage": 1,
        "command_id": command_of(machine, number)["id"],
    }


LAST: Final = BulkRun(**run_of(RUNS - 1), stage=1)
IDS: Final = range(1, MACHINES + 1)
QUERIES: dict[str, tuple[Query, str]] = {
    "stops since": (lambda s: repository.stopped_since(s, LAST, IDS), "command"),
    "a tally's commands": (lambda s: repository.tallies(s, 1, [LAST.id]), "command"),
    "a tally": (lambda s: repository.tallies(s, 1, [LAST.id]), "bulk_target"),
    "what waits": (lambda s: repository.queued(s, LAST, limit=10), "command"),
    "results": (lambda s: repository.targets(s, LAST, after="", limit=10), "bulk_target"),
    "results' commands": (lambda s: repository.targets(s, LAST, after="", limit=10), "command"),
    "what comes next": (lambda s: repository.next_machines(s, LAST, limit=10), "bulk_target"),
    "what goes on": (repository.living_runs, "bulk_run"),
    "a company's": (lambda s: repository.page(s, 1, before="", limit=10), "bulk_run"),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_bulk_runs_are_read_by_index(database: Database, name: str) -> None:
    query, table = QUERIES[name]
    found = await plan(database, query, table)
    assert found
    assert all(index for index, _ in found), found
