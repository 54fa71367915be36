"""Queries go through the tenant filter: the code is read, and what goes around it is found."""

import pytest

from tests.support.tenant_check import unclassified, violations, violations_in

AROUND = {
    "by another key": "select(Machine).where(Machine.serial == serial)",
    "by the company's own column": "select(Machine).where(Machine.company_id == company_id)",
    "another model's filter": "select(User).where(owned(Machine, company_id))",
    "by the primary key": "session.get(User, user_id)",
    "change": "update(ApiKey).where(ApiKey.id == key_id).values(revoked_at=1)",
    "end": "delete(DeadLetter).where(DeadLetter.id == letter_id)",
    "what hangs on a machine": "select(TelemetryRow).where(TelemetryRow.ts >= 0)",
    "whichever table": "select(row).where(row.ts >= 0)",
    "joined": "select(CommandEvent).where(CommandEvent.command_id == command_id)",
    "in words": "session.execute(text('SELECT * FROM machine'))",
    "by another column called machine": "select(CommandRow).where(CommandRow.machine == machine_id)",
}
THROUGH = {
    "the filter": "select(Machine).where(owned(Machine, company_id), Machine.serial == serial)",
    "a machine": "select(TelemetryRow).where(TelemetryRow.machine_id == machine_id)",
    "machines": "select(StatusEvent).where(StatusEvent.machine_id.in_(machine_ids))",
    "the machine itself": "select(Machine).where(Machine.id == machine_id)",
    "the primary key": "session.get(MachineStatus, machine_id)",
    "a person": "select(RefreshToken).where(RefreshToken.user_id == user_id)",
    "no company's table": "select(Lease).where(Lease.name == name)",
    "a new row": "session.add(Machine(company_id=1, serial=serial))",
}


def code(statement: str, before: str = "") -> str:
    return f"{before}\nasync def query(session, *keys):\n    return {statement}\n"


def test_nothing_goes_around_the_filter() -> None:
    assert violations() == []


def test_of_every_table_it_is_known_whose_its_rows_are() -> None:
    assert unclassified() == []


@pytest.mark.parametrize("statement", AROUND.values(), ids=list(AROUND))
def test_a_query_that_goes_around_is_found(statement: str) -> None:
    assert violations_in(code(statement), "repository.py")


@pytest.mark.parametrize("statement", THROUGH.values(), ids=list(THROUGH))
def test_a_query_that_goes_through_is_let_alone(statement: str) -> None:
    assert violations_in(code(statement), "repository.py") == []


@pytest.mark.parametrize("statement", AROUND.values(), ids=list(AROUND))
def test_what_looks_at_the_whole_platform_says_so(statement: str) -> None:
    assert violations_in(code(statement, '@platform_wide("a job")'), "repository.py") == []


def test_a_function_may_leave_the_filter_to_its_neighbour() -> None:
    neighbour = code("owned(Machine, keys)").replace("query", "mine")
    assert violations_in(neighbour + code("select(Machine).where(mine(keys))"), "repository.py") == []


def test_a_query_outside_of_functions_is_found() -> None:
    assert violations_in("QUERY = select(Machine)", "repository.py")
