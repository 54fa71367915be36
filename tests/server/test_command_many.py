"""One command for many machines in one transaction: as for one, in as many statements."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update

from sunsweep.contract.commands import STOP_RANK
from sunsweep.contract.payloads import Result, ResultState, Stamp
from sunsweep.mqtt.port import Message
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import CommandEvent, CommandRow, Company, Machine
from sunsweep.server.errors import InvalidError, SunsweepError
from sunsweep.server.events import CommandChange
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.commands import service
from sunsweep.server.features.commands.ending import GONE
from sunsweep.server.features.commands.lifecycle import Held, IllegalMoveError, State, change, change_all
from sunsweep.server.features.commands.many import Given, give_to_many
from sunsweep.server.features.commands.service import Wish
from sunsweep.server.ingest.messages import Accepted, MachineRef
from sunsweep.server.ingest.store import Store

NOW_MS = 1_800_000_000_000


@pytest.fixture
async def database(database: Database) -> Database:
    async with database.write() as session:
        await accounts.add_company(session, "Alpha", now_ms=1)
    return database


async def machines(database: Database, number: int) -> list[Machine]:
    async with database.write() as session:
        rows = [{"company_id": 1, "serial": f"M-{n}", "created_at": 1} for n in range(number)]
        await session.execute(insert(Machine), rows)
        return list(await session.scalars(select(Machine).order_by(Machine.id.desc())))


async def give(database: Database, of: list[Machine], wish: Wish, now_ms: int = NOW_MS) -> Given:
    async with database.write() as session:
        return await give_to_many(session, of, wish, user_id=None, key_id=None, now_ms=now_ms)


async def lead(database: Database, row: CommandRow, *states: State) -> None:
    async with database.write() as session:
        for state in states:
            assert await change(session, row.id, state, machine_id=row.machine_id, at_ms=NOW_MS) is not None


async def stored(database: Database) -> list[CommandRow]:
    async with database.read() as session:
        return list(await session.scalars(select(CommandRow).order_by(CommandRow.machine_id, CommandRow.id)))


async def lives(database: Database) -> list[tuple[Any, ...]]:
    """Of all commands whatever does not depend on chance, with their events."""
    async with database.read() as session:
        query = select(CommandRow, CommandEvent).join(CommandEvent, CommandEvent.command_id == CommandRow.id)
        rows = (await session.execute(query.order_by(CommandRow.machine_id, CommandRow.id, CommandEvent.id))).all()
    kept = ("machine_id", "company_id", "command", "params", "state", "reason", "issued_at", "expires_at", "holds")
    return [
        (*(getattr(row, name) for name in kept), row.changed_at, one.state, one.reason, one.at) for row, one in rows
    ]


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    said: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", listen)


async def different_pasts(database: Database, of: list[Machine]) -> None:
    """Each machine stands otherwise."""
    pasts: list[list[tuple[str, tuple[State, ...]]]] = [
        [],
        [("start_cleaning", ()), ("resume", ())],
        [("start_cleaning", (State.SENT,))],
        [("stop_cleaning", ())],
        [("return_to_dock", (State.SENT,))],
        [("stop_cleaning", (State.SENT, State.RUNNING))],
        [("emergency_stop", (State.SENT, State.UNCONFIRMED))],
        [("emergency_stop", (State.SENT, State.SUCCEEDED))],
        [("emergency_stop", (State.SENT, State.SUCCEEDED)), ("reset", (State.SENT, State.SUCCEEDED))],
        [("stop_cleaning", (State.SENT, State.FAILED)), ("start_cleaning", ())],
    ]
    for machine, past in zip(of, pasts, strict=True):
        for command, states in past:
            given = await give(database, [machine], Wish(command, {}), now_ms=NOW_MS - 5)
            assert given.refused == {}
            await lead(database, given.rows[machine.id], *states)


async def give_alone(database: Database, machine: Machine, wish: Wish) -> list[CommandChange] | str:
    """What has changed, or why nothing did."""
    try:
        async with database.write() as session:
            _, changes = await service.give(session, machine, wish, user_id=None, now_ms=NOW_MS)
    except SunsweepError as error:
        return error.detail
    return changes


@pytest.mark.parametrize("command", ["start_cleaning", "reset", *STOP_RANK])
async def test_many_are_given_what_each_would_be_given_alone(database: Database, command: str) -> None:
    of = await machines(database, 20)
    alone, together = of[:10], of[10:]
    await different_pasts(database, alone)
    await different_pasts(database, together)
    wish = Wish(command, {})
    given = await give(database, together, wish)
    for one, other in zip(alone, together, strict=True):
        told = await give_alone(database, one, wish)
        if isinstance(told, str):
            assert (given.refused[other.id], other.id in given.rows, other.id in given.changes) == (told, False, False)
        else:
            assert given.rows[other.id].command == command
            assert [change[1:] for change in given.changes[other.id]] == [change[1:] for change in told]
    ids = {machine.id for machine in alone}
    found = await lives(database)
    assert [life[1:] for life in found if life[0] in ids] == [life[1:] for life in found if life[0] not in ids]


async def test_every_machine_is_given_it_or_told_why_not(database: Database) -> None:
    free, disabled, archived, stopping = of = await machines(database, 4)
    await give(database, [stopping], Wish("stop_cleaning", {}))
    async with database.write() as session:
        await session.execute(update(Machine).where(Machine.id == disabled.id).values(enabled=False))
        await session.execute(update(Machine).where(Machine.id == archived.id).values(archived_at=1, archived_key=1))
    given = await give(database, of, Wish("start_cleaning", {}))
    assert given.rows.keys() == given.changes.keys() == {free.id}
    assert given.refused == {
        disabled.id: f"machine {disabled.serial} is disabled",
        archived.id: GONE,
        stopping.id: "stop_cleaning is not confirmed yet; wait for it, or close it",
    }
    unfit = await give(database, [free], Wish("start_cleaning", {"speed": 99}))
    assert unfit.rows == {}
    assert "params.speed" in unfit.refused[free.id]
    assert (await give(database, [], Wish("start_cleaning", {}))) == Given({}, {}, {})
    with pytest.raises(InvalidError):
        await give(database, of, Wish("start_cleaning", {"a": float("nan")}))


async def test_ids_are_newer_than_each_machine_s_last_whatever_the_clock_says(database: Database) -> None:
    of = await machines(database, 3)
    await give(database, of[:2], Wish("pause", {}))
    await give(database, of, Wish("resume", {}), now_ms=NOW_MS - 3_600_000)
    rows = await stored(database)
    assert [row.command for row in rows if row.machine_id in {of[0].id, of[1].id}] == ["pause", "resume"] * 2


async def test_a_company_s_life_of_commands_holds_for_many_too(database: Database) -> None:
    of = await machines(database, 2)
    async with database.write() as session:
        await session.execute(update(Company).values(command_life_s=60))
    given = await give(database, of, Wish("pause", {}))
    assert {row.expires_at for row in given.rows.values()} == {NOW_MS + 60_000}


@pytest.mark.parametrize("command", ["start_cleaning", "stop_cleaning"])
async def test_a_thousand_cost_as_many_statements_as_one(database: Database, command: str) -> None:
    few, many = (of := await machines(database, 1001))[:1], of[1:]
    counted = []
    for some in (few, many):
        await give(database, some, Wish("start_cleaning", {}))
        if command == "stop_cleaning":
            older = await give(database, some, Wish("return_to_dock", {}))
            async with database.write() as session:
                ids = [row.id for row in older.rows.values()]
                await session.execute(update(CommandRow).where(CommandRow.id.in_(ids)).values(state=State.SENT))
        with statements(database) as said:
            given = await give(database, some, Wish(command, {}))
        assert given.rows.keys() == {machine.id for machine in some}
        counted.append(len(said))
    # The ORM may write rows in a few portions.
    assert counted[1] <= counted[0] + 4, counted
    rows = await stored(database)
    if command == "stop_cleaning":
        assert {row.state for row in rows if row.command == "return_to_dock"} == {"unconfirmed"}


async def test_two_stops_of_all_machines_at_once_do_not_stand_in_each_other_s_way(database: Database) -> None:
    of = await machines(database, 50)
    for _ in range(5):
        await asyncio.gather(
            give(database, of, Wish("emergency_stop", {})),
            give(database, of[::-1], Wish("emergency_stop", {})),
            give(database, of[10:30], Wish("emergency_stop", {})),
        )
    rows = await stored(database)
    assert len(rows) == 5 * (50 + 50 + 20)
    assert sum(row.holds > 0 for row in rows) == 50


async def test_a_stop_of_all_machines_while_all_of_them_report(database: Database) -> None:
    """Both change a hundred commands in one transaction: in different orders they would deadlock."""
    of = await machines(database, 100)
    store = Store(database, now_ms=lambda: NOW_MS)
    for number in range(1, 9):
        docks = await give(database, of, Wish("return_to_dock", {}))
        words = [
            heard(machine, Result(docks.rows[machine.id].id, ResultState.RUNNING, stamp=Stamp(NOW_MS, 7, number)))
            for machine in of
        ]
        _, given = await asyncio.gather(store.commit(words), give(database, of, Wish("stop_cleaning", {})))
        assert given.rows.keys() == docks.rows.keys()
        await give(database, of, Wish("emergency_stop", {}))
        async with database.write() as session:
            await session.execute(update(CommandRow).values(holds=0))


def heard(machine: Machine, word: Result) -> Accepted:
    ref = MachineRef(machine.id, machine.company_id, machine.serial, 90 * 86_400_000)
    message = Message(
        "company/1/machine/M/result", b"{}", 1, retain=False, packet_id=1, connection=1, received_ms=NOW_MS
    )
    return Accepted(message, ref, word, NOW_MS, NOW_MS, word.stamp.seq or 1)


async def test_a_fault_of_ours_leaves_nothing(database: Database) -> None:
    (machine,) = await machines(database, 1)
    row = (await give(database, [machine], Wish("pause", {}))).rows[machine.id]
    held = [Held(row.id, machine.id, State.SENT)]

    async def wrong() -> None:
        async with database.write() as session:
            await change_all(session, held, State.SUCCEEDED, at_ms=NOW_MS, reason="")
            await change_all(session, held, State.QUEUED, at_ms=NOW_MS, reason="")

    with pytest.raises(IllegalMoveError):
        await wrong()
    assert [found.state for found in await stored(database)] == ["queued"]
