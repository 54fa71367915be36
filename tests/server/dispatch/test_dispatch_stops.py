"""Stops that nobody has confirmed: sent again, shown, and closed by a person."""

from functools import partial

import pytest
from sqlalchemy import select, update

from sunsweep.server.db.models import CommandRow, MachineStatus
from sunsweep.server.dispatch import repository, timing, unanswered
from sunsweep.server.features.commands.lifecycle import State
from tests.support.dispatching import (
    Bare,
    Time,
    as_value,
    bare,
    becomes,
    command,
    dispatcher,
    give,
    online,
    reason_of,
)
from tests.support.orders import WAY, lead
from tests.support.platform import Platform, eventually

SERIAL = "SCM-1"
SESSION = [7, 1]


async def heard(machine: Bare, times: int) -> bool:
    return len(machine.orders) >= times


async def looked_at(platform: Platform) -> bool:
    """Another machine's command has gone its way since: so the looks and sweeps between have been."""
    if not (await platform.get("/machines"))["items"][1:]:
        await platform.add_machine("OTHER")
        await give(platform, "OTHER", "stop_cleaning")
    items = (await platform.get("/machines/OTHER/commands"))["items"]
    return bool(items[0]["reason"])


async def is_offline(platform: Platform) -> bool:
    return bool((await platform.get(f"/machines/{SERIAL}/status"))["presence"] == "offline")


@pytest.mark.parametrize("session", [None, SESSION], ids=["bare", "in_session"])
async def test_an_open_stop_goes_out_again_until_it_is_confirmed(on_both: Platform, session: list[int] | None) -> None:
    platform, time = on_both, Time()
    login = await platform.add_machine(SERIAL)
    async with dispatcher(platform, time), bare(platform, login) as machine:
        await online(platform, machine, SERIAL, status="Running", session=session)
        stop = await give(platform, SERIAL, "stop_cleaning")
        await becomes(platform, SERIAL, stop, "sent")
        for times, wait_ms in ((2, timing.wait_ms(1)), (3, timing.wait_ms(2))):
            time.ahead_ms += wait_ms
            await eventually(partial(heard, machine, times))
        await eventually(lambda: sends(platform, stop, 3))
        assert set(machine.ids) == {stop}
        if session:
            await machine.answers(stop, "succeeded")
        else:
            await machine.says("Idle")
        found = await becomes(platform, SERIAL, stop, "succeeded")
        assert not found["open"]
        time.ahead_ms += timing.LONGEST_WAIT_MS
        await becomes(platform, SERIAL, await give(platform, SERIAL, "stop_cleaning"), "sent")
    assert machine.ids[:3] == [stop] * 3
    assert stop not in machine.ids[3:]


async def sends(platform: Platform, command_id: str, times: int) -> bool:
    return bool((await command(platform, SERIAL, command_id))["sends"] == times)


async def test_unconfirmed_it_is_sent_on_holds_starts_back_and_is_closed_by_a_person(platform: Platform) -> None:
    login, time = await platform.add_machine(SERIAL), Time()
    async with dispatcher(platform, time), bare(platform, login) as machine:
        await online(platform, machine, SERIAL, status="Running")
        stop = await give(platform, SERIAL, "stop_cleaning")
        await becomes(platform, SERIAL, stop, "sent")
        time.ahead_ms += timing.ANSWER_WITHIN_MS + 1000
        found = await becomes(platform, SERIAL, stop, "unconfirmed")
        assert found["open"]
        await eventually(lambda: heard(machine, 2))
        refused = await platform.call("POST", f"/machines/{SERIAL}/commands", json={"command": "start_cleaning"})
        assert (refused.status_code, refused.json()["code"]) == (409, "stop_unconfirmed")
        closed = await platform.call("POST", f"/machines/{SERIAL}/commands/{stop}/close")
        assert not closed.raise_for_status().json()["open"]
        so_far = len(machine.orders)
        time.ahead_ms += timing.LONGEST_WAIT_MS
        start = await give(platform, SERIAL, "start_cleaning")
        await becomes(platform, SERIAL, start, "sent")
        assert machine.orders[so_far:] == ["start_cleaning"]


async def test_a_machine_that_is_away_gets_it_at_its_next_word(platform: Platform) -> None:
    login, time = await platform.add_machine(SERIAL), Time()
    async with dispatcher(platform, time):
        async with bare(platform, login) as machine:
            await online(platform, machine, SERIAL, status="Running", session=SESSION)
            stop = await give(platform, SERIAL, "stop_cleaning")
            await becomes(platform, SERIAL, stop, "sent")
            await machine.says("offline", session=SESSION)
            await eventually(lambda: is_offline(platform))
            time.ahead_ms += timing.LONGEST_WAIT_MS
            await eventually(lambda: looked_at(platform))
            assert machine.orders == ["stop_cleaning"]
        async with bare(platform, login) as again:
            await again.says("Running", session=[7, 2])
            await eventually(lambda: heard(again, 1))
            assert again.ids == [stop]


async def test_online_but_not_listening_is_said_and_tried_again(platform: Platform) -> None:
    login, time = await platform.add_machine(SERIAL), Time()
    async with dispatcher(platform, time):
        async with bare(platform, login) as machine:
            await online(platform, machine, SERIAL, status="Running", session=SESSION)
            stop = await give(platform, SERIAL, "stop_cleaning")
            await becomes(platform, SERIAL, stop, "sent")
        # It went without a will.
        time.ahead_ms += timing.wait_ms(1)

        async def says_why() -> bool:
            return await reason_of(platform, SERIAL, stop) == timing.NOBODY_LISTENS

        await eventually(says_why)
        async with bare(platform, login) as again:
            time.ahead_ms += timing.LONGEST_WAIT_MS
            await eventually(lambda: heard(again, 1))
            await eventually(lambda: as_value(again.ids == [stop]))


async def test_who_did_not_listen_gets_it_at_the_next_word(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unanswered, "DEAF_FOR_MS", 86_400_000)
    login, time = await platform.add_machine(SERIAL), Time()
    async with dispatcher(platform, time) as running:
        async with bare(platform, login) as machine:
            await online(platform, machine, SERIAL, status="Running", session=SESSION)
            stop = await give(platform, SERIAL, "stop_cleaning")
            await becomes(platform, SERIAL, stop, "sent")
        time.ahead_ms += timing.wait_ms(1)
        await eventually(lambda: as_value(running._unanswered._deaf))
        async with bare(platform, login) as again:
            await again.says("Running", session=SESSION)
            await eventually(lambda: heard(again, 1))
            assert again.ids == [stop]


async def test_those_who_drive_home_for_long_do_not_hide_a_start_that_has_fallen_silent(
    on_both: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "LIMIT", 1)
    platform, time, given = on_both, Time(), []
    for serial, order in (("HOME", "return_to_dock"), ("WORK", "start_cleaning")):
        await platform.add_machine(serial)
        given.append(await give(platform, serial, order))
        await lead(platform, given[-1], *WAY[State.RUNNING])
    home, work = given
    time.ahead_ms = timing.NEXT_WORD_WITHIN_MS + 1000
    async with dispatcher(platform, time):
        found = await becomes(platform, "WORK", work, "unconfirmed")
        assert found["reason"] == unanswered.NOT_ENDED
        assert (await command(platform, "HOME", home))["state"] == "running"
        time.ahead_ms = timing.STOP_ENDS_WITHIN_MS + 1000
        await becomes(platform, "HOME", home, "unconfirmed")


async def test_what_nobody_confirms_any_more_is_not_read_at_each_look(on_both: Platform) -> None:
    platform = on_both
    await platform.add_machine(SERIAL)
    stop = await give(platform, SERIAL, "stop_cleaning")
    await lead(platform, stop, *WAY[State.UNCONFIRMED])

    async def found(*, sends: int, back_ms: int = 0, presence: str = "online") -> list[str]:
        async with platform.database.write() as session:
            await session.execute(update(CommandRow).values(sends=sends, sent_at=1000))
            (machine_id,) = await session.scalars(select(CommandRow.machine_id))
            here = {"presence": presence, "presence_since": back_ms, "presence_cause": "", "heard_at": 1}
            await session.merge(MachineStatus(machine_id=machine_id, in_session=False, **here))
        async with platform.database.read() as session:
            assert await repository.provable(session) == (set(), {stop})
            return [item.row.id for item in await repository.open_stops(session, enough=timing.ENOUGH_SENDS)]

    assert await found(sends=timing.ENOUGH_SENDS - 1) == [stop]
    assert await found(sends=timing.ENOUGH_SENDS) == []
    assert await found(sends=timing.ENOUGH_SENDS, back_ms=1001) == [stop]
    assert await found(sends=1, back_ms=1001, presence="offline") == []
