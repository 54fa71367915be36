"""Whoever rolls out dies before any of his statements: no stage is given twice, and none is lost."""

from pathlib import Path

from sqlalchemy import select

from sunsweep.contract.ids import uuid7
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import BulkRun, BulkTarget, CommandEvent, CommandRow, Machine
from sunsweep.server.features.bulk import repository
from sunsweep.server.features.commands.lifecycle import State
from tests.support.bulk import fleet, roll_out
from tests.support.dying_rollout import step_until_killed
from tests.support.orders import WAY, lead
from tests.support.platform import Platform, new_platform

MACHINES = 3


async def new_run(platform: Platform, number: int) -> str:
    """Of a stage with two machines and one with another."""
    serials = await fleet(platform, f"DIES-{number}", MACHINES)
    async with platform.database.write() as session:
        machines = list(await session.scalars(select(Machine).where(Machine.serial.in_(serials))))
        run = BulkRun(
            id=uuid7(wall_clock(), number), company_id=1, command="start_cleaning", params="{}", selection="{}",
            stage_size=2, state="running", issued_at=wall_clock(),
        )  # fmt: skip
        await repository.add(session, run, {machine.id: 1 + at // 2 for at, machine in enumerate(machines)})
    return run.id


async def given(platform: Platform, bulk_id: str) -> int:
    """How many machines have been given it; each of them once, and each command with its life."""
    async with platform.database.read() as session:
        run = await session.get_one(BulkRun, bulk_id)
        targets = list(await session.scalars(select(BulkTarget).where(BulkTarget.bulk_id == bulk_id)))
        of_run = CommandRow.machine_id.in_([target.machine_id for target in targets])
        commands = list(await session.scalars(select(CommandRow).where(of_run)))
        events = list(await session.scalars(select(CommandEvent.command_id).where(CommandEvent.state == "queued")))
    ids = {target.command_id for target in targets if target.command_id is not None}
    assert sorted(ids) == sorted(command.id for command in commands)
    assert len({command.machine_id for command in commands}) == len(commands)
    assert [events.count(command.id) for command in commands] == [1] * len(commands)
    assert all((target.command_id is not None) == (target.stage <= run.stage) for target in targets)
    return len(commands)


async def end(platform: Platform, bulk_id: str) -> None:
    async with platform.database.read() as session:
        of_run = select(BulkTarget.command_id).where(BulkTarget.bulk_id == bulk_id)
        query = select(CommandRow.id).where(CommandRow.id.in_(of_run), CommandRow.state == "queued")
        queued = list(await session.scalars(query))
    for command_id in queued:
        await lead(platform, command_id, *WAY[State.SUCCEEDED])


async def test_no_death_doubles_or_loses_a_stage(sqlite_url: str, tmp_path: Path) -> None:
    platform = await new_platform(sqlite_url, tmp_path)
    died, number = True, 0
    seen = set[int]()
    while died:
        number += 1
        bulk_id = await new_run(platform, number)
        for stage, total in ((1, 2), (2, MACHINES)):
            died = await step_until_killed(platform.settings, number)
            seen.add(await given(platform, bulk_id))
            await roll_out(platform)
            assert await given(platform, bulk_id) == total, (number, stage)
            await end(platform, bulk_id)
        await roll_out(platform)
        async with platform.database.read() as session:
            assert (await session.get_one(BulkRun, bulk_id)).state == "finished"
    # It has died before and after the commit of each stage, and at last it has lived.
    assert seen == {0, 2, MACHINES}
    assert number > 10
    await platform.database.close()
