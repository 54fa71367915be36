"""How many start-like commands somebody gives in a minute, and for how long commands wait."""

from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import BulkRun, BulkTarget, CommandRow, Machine
from sunsweep.server.features.commands.giving import DEFAULT_EXPIRY_S
from tests.support.orders import ADMIN, OPERATOR, ROOT, START, VIEWER, give, given, new_machine, program
from tests.support.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def three(quiet: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Three a minute, and nobody has given any yet."""
    monkeypatch.setattr(quiet.settings, "commands_per_minute", 3)
    await age(quiet, 120_000)
    return quiet


async def age(platform: Platform, by_ms: int) -> None:
    """Whatever was given was given earlier."""
    async with platform.database.write() as session:
        await session.execute(update(CommandRow).values(issued_at=CommandRow.issued_at - by_ms))
        await session.execute(update(BulkRun).values(issued_at=BulkRun.issued_at - by_ms))


async def test_a_person_gives_so_many_a_minute_on_all_machines_together(three: Platform) -> None:
    for _ in range(3):
        await given(three, await new_machine(three), "pause")
    serial = await new_machine(three)
    answer = await give(three, serial, "pause")
    told = answer.json()
    assert (answer.status_code, told["code"]) == (429, "too_many_commands")
    assert 50 <= told["retry_after_s"] <= 60
    assert answer.headers["retry-after"] == str(told["retry_after_s"])
    assert (await give(three, serial, "pause", as_=ADMIN)).status_code == 202, "another person's are counted apart"
    await age(three, 60_000)
    assert (await give(three, serial, "pause")).status_code == 202


@pytest.mark.parametrize("stop", ["return_to_dock", "stop_cleaning", "emergency_stop"])
async def test_stops_are_neither_counted_nor_refused(three: Platform, stop: str) -> None:
    for _ in range(4):
        await given(three, await new_machine(three), stop)
    for _ in range(3):
        await given(three, await new_machine(three), "pause")
    assert (await give(three, await new_machine(three), stop)).status_code == 202


async def test_what_was_refused_or_said_twice_is_not_counted(three: Platform) -> None:
    serial = await new_machine(three)
    for _ in range(5):
        assert (await give(three, serial, **START, key="k")).status_code == 202
        assert (await give(three, serial, **START, expires_in=0)).status_code == 422
    await given(three, serial, "pause")
    await given(three, serial, "pause")
    assert (await give(three, serial, "pause")).status_code == 429
    assert (await give(three, serial, **START, key="k")).status_code == 202, "it was given already"


async def test_a_program_s_are_counted_apart_from_those_of_who_made_it(three: Platform) -> None:
    serial = await new_machine(three)
    async with program(three) as client:
        path, body = f"/machines/{serial}/commands", {"command": "pause"}
        answers = [(await client.post(path, json=body)).status_code for _ in range(4)]
        assert answers == [202, 202, 202, 429]
        assert (await client.post(path, json={"command": "stop_cleaning"})).status_code == 202
    assert (await give(three, await new_machine(three), "pause", as_=ADMIN)).status_code == 202


async def test_a_bulk_run_counts_once(three: Platform) -> None:
    async with three.database.write() as session:
        user_id = (await three.get("/me", as_=OPERATOR))["user_id"]
        for number, command in enumerate(("pause", "pause", "stop_cleaning")):
            run = BulkRun(
                id=f"run-{wall_clock()}-{number}", company_id=1, command=command, params="{}", selection="{}",
                stage_size=9, state="running", issued_by=user_id, issued_at=wall_clock(),
            )  # fmt: skip
            session.add(run)
    serials = [await new_machine(three) for _ in range(2)]
    for serial in serials:
        await given(three, serial, "pause", as_=OPERATOR)
        async with three.database.write() as session:
            machine_id = await session.scalar(select(Machine.id).where(Machine.serial == serial))
            command_id = await session.scalar(
                select(func.max(CommandRow.id)).where(CommandRow.machine_id == machine_id)
            )
            session.add(BulkTarget(bulk_id=run.id, machine_id=machine_id, stage=1, command_id=command_id))
    assert (await give(three, serials[0], "pause")).status_code == 202, "two runs so far"
    assert (await give(three, serials[0], "pause")).status_code == 429


async def test_a_company_says_for_how_long_its_commands_wait(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    assert await life_s(quiet, serial) == DEFAULT_EXPIRY_S
    answer = await quiet.call("PATCH", "/companies/1", json={"command_life_s": 90})
    assert (answer.status_code, answer.json()["command_life_s"]) == (200, 90)
    assert await life_s(quiet, serial) == 90
    assert await life_s(quiet, serial, expires_in=7) == 7
    assert (await give(quiet, serial, "stop_cleaning", expires_in=7)).json()["expires_at"] is None
    assert (await quiet.call("PATCH", "/companies/1", json={"command_life_s": None})).json()["command_life_s"] is None
    assert await life_s(quiet, await new_machine(quiet)) == DEFAULT_EXPIRY_S


async def life_s(platform: Platform, serial: str, **more: Any) -> int:
    command_id = await given(platform, serial, "pause", **more)
    async with platform.database.read() as session:
        row = await session.get_one(CommandRow, command_id)
    assert row.expires_at is not None
    return (row.expires_at - row.issued_at) // 1000


async def test_a_repeated_key_is_the_same_command_also_when_the_company_has_changed_its_mind(quiet: Platform) -> None:
    serial = await new_machine(quiet)
    first = await give(quiet, serial, "pause", key="k")
    await quiet.call("PATCH", "/companies/1", json={"command_life_s": 90})
    again = await give(quiet, serial, "pause", key="k")
    await quiet.call("PATCH", "/companies/1", json={"command_life_s": None})
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


async def test_a_company_s_admin_says_what_holds_for_its_commands_and_no_more(quiet: Platform) -> None:
    both = {"command_life_s": 30, "custom_commands": True}
    before = await quiet.get("/companies/1")
    told = (await quiet.call("PATCH", "/companies/1", json=both)).json()
    assert told == before | both == await quiet.get("/companies/1", as_=VIEWER)
    for body in ({"name": "Mine"}, {"raw_retention_days": 9}, both | {"name": "Mine"}):
        answer = await quiet.call("PATCH", "/companies/1", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await quiet.call("PATCH", "/companies/2", json=both)).status_code == 404
    assert (await quiet.call("PATCH", "/companies/1", json=both, as_=OPERATOR)).status_code == 403
    back = {"command_life_s": None, "custom_commands": False}
    assert (await quiet.call("PATCH", "/companies/1", json=back, as_=ROOT)).json() == before


@pytest.mark.parametrize(
    "body",
    [
        {"command_life_s": 29},
        {"command_life_s": 604_801},
        {"command_life_s": "60"},
        {"command_life_s": True},
        {"custom_commands": None},
        {"custom_commands": 1},
        {"custom_commands": "yes"},
    ],
)
async def test_what_no_company_can_want_is_named(quiet: Platform, body: dict[str, object]) -> None:
    answer = await quiet.call("PATCH", "/companies/1", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, next(iter(body)))
