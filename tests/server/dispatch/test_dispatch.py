"""Commands on their way: who sends, in which order, and what is never sent twice."""

import asyncio
import json
from collections.abc import Collection
from typing import Any

import pytest
from sqlalchemy import select

from sunsweep.contract.ids import uuid7
from sunsweep.mqtt.port import NotConnectedError, Published
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.lease import LEASE_MS
from sunsweep.server.db.models import CommandRow, Machine
from sunsweep.server.dispatch import timing
from sunsweep.server.dispatch.marks import Marks
from sunsweep.server.dispatch.outgoing import Unsent
from sunsweep.server.dispatch.repository import Item
from sunsweep.server.features.commands import service
from sunsweep.server.features.commands.lifecycle import State
from sunsweep.server.features.commands.service import Wish
from tests.support.dispatching import (
    Time,
    as_value,
    bare,
    becomes,
    command,
    dispatcher,
    give,
    is_online,
    online,
    real_machine,
    reason_of,
)
from tests.support.platform import Platform, eventually


async def test_a_real_machine_goes_through_every_state_before_a_viewer(on_both: Platform) -> None:
    platform = on_both
    login = await platform.add_machine("REAL")
    async with dispatcher(platform), platform.watch("REAL") as viewer, real_machine(platform, login):
        await eventually(lambda: is_online(platform, "REAL"))
        started = await give(platform, "REAL", "start_cleaning")
        seen: list[str] = []
        async with asyncio.timeout(15):
            while "succeeded" not in seen:
                frame = json.loads(await viewer.recv())
                if frame["type"] == "command_state":
                    assert frame["data"]["id"] == started
                    seen.append(frame["data"]["state"])
    found = await command(platform, "REAL", started)
    assert found["sent_at"]
    words = [change["state"] for change in found["history"]]
    assert [word for word in words if word != "sent"] == ["queued", "accepted", "running", "succeeded"]


async def test_what_nobody_hears_waits_with_the_reason_until_the_machine_comes(platform: Platform) -> None:
    login = await platform.add_machine("LATE")
    async with dispatcher(platform):
        stop = await give(platform, "LATE", "stop_cleaning")
        await eventually(lambda: reason_of(platform, "LATE", stop))
        assert (await command(platform, "LATE", stop))["state"] == "queued"
        async with bare(platform, login) as machine:
            await machine.says()
            await becomes(platform, "LATE", stop, "sent")
            assert machine.orders == ["stop_cleaning"]


async def test_what_waits_for_the_broker_says_so(platform: Platform) -> None:
    login = await platform.add_machine("LATE")
    async with dispatcher(platform) as running:
        await eventually(lambda: as_value(running._lease.held))
        await platform.stop_broker()
        stop = await give(platform, "LATE", "stop_cleaning")
        assert await eventually(lambda: reason_of(platform, "LATE", stop)) == timing.BROKER_AWAY
        await platform.start_broker()
        async with bare(platform, login) as machine:
            await machine.says()
            assert (await becomes(platform, "LATE", stop, "sent"))["reason"] == ""
            assert machine.orders == ["stop_cleaning"]


async def test_an_expired_start_is_never_sent(platform: Platform) -> None:
    login = await platform.add_machine("LATE")
    async with bare(platform, login) as machine:
        await online(platform, machine, "LATE")
        start = await give(platform, "LATE", "start_cleaning", expires_in=1)
        await asyncio.sleep(1.1)
        async with dispatcher(platform):
            found = await becomes(platform, "LATE", start, "expired")
            stop = await give(platform, "LATE", "stop_cleaning")
            await becomes(platform, "LATE", stop, "sent")
        assert (found["sent_at"], machine.orders) == (None, ["stop_cleaning"])


async def test_of_what_waits_only_the_strongest_stop_goes_out(on_both: Platform) -> None:
    platform = on_both
    login = await platform.add_machine("BUSY")
    start = await give(platform, "BUSY", "start_cleaning")
    dock = await give(platform, "BUSY", "return_to_dock")
    emergency = await give(platform, "BUSY", "emergency_stop")
    async with bare(platform, login) as machine:
        await online(platform, machine, "BUSY")
        async with dispatcher(platform):
            await becomes(platform, "BUSY", emergency, "sent")
    assert machine.orders == ["emergency_stop"]
    overtaken = [await command(platform, "BUSY", one) for one in (start, dock)]
    assert [(one["state"], one["reason"]) for one in overtaken] == [
        ("cancelled", "overtaken by return_to_dock"),
        ("cancelled", "superseded by emergency_stop"),
    ]


@pytest.mark.parametrize("crash", [NotConnectedError("gone"), asyncio.CancelledError()])
async def test_a_bare_start_whose_publish_failed_ends_unconfirmed_and_is_never_sent_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, crash: BaseException
) -> None:
    login = await platform.add_machine("BARE")

    async def fail(*_: Any, **__: Any) -> Published:
        raise crash

    async with bare(platform, login) as machine:
        await online(platform, machine, "BARE")
        async with dispatcher(platform) as first:
            monkeypatch.setattr(first._round._outgoing, "publish", fail)
            start = await give(platform, "BARE", "start_cleaning")
            await becomes(platform, "BARE", start, "sent")
        time = Time()
        time.ahead_ms = timing.ANSWER_WITHIN_MS + 1000
        async with dispatcher(platform, time):
            await becomes(platform, "BARE", start, "unconfirmed")
            await machine.says("Running")
            stop = await give(platform, "BARE", "stop_cleaning")
            await becomes(platform, "BARE", stop, "sent")
        assert machine.orders == ["stop_cleaning"]
        await machine.answers(start, "succeeded")
        await becomes(platform, "BARE", start, "succeeded")


async def test_a_start_that_comes_back_is_cancelled_by_the_stop_given_meanwhile(
    on_both: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = on_both
    login = await platform.add_machine("BARE")
    given: list[str] = []

    async def nobody(item: Item) -> Published:
        if item.row.command == "start_cleaning":
            given.append(await give_by_hand(platform, item.machine.id, "stop_cleaning"))
        return Published.NOBODY_LISTENS

    async with bare(platform, login) as machine:
        await online(platform, machine, "BARE")
    async with dispatcher(platform) as running:
        monkeypatch.setattr(running._round._outgoing, "publish", nobody)
        start = await give(platform, "BARE", "start_cleaning")
        found = await becomes(platform, "BARE", start, "cancelled")
        await eventually(lambda: reason_of(platform, "BARE", given[0]))
    assert (found["reason"], found["sent_at"]) == ("overtaken by stop_cleaning", None)


async def test_viewers_hear_no_more_of_a_wait_that_a_stop_has_ended(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = await platform.add_machine("BARE")

    async def nobody(item: Item) -> Published:
        if item.row.command == "start_cleaning":
            await give_by_hand(platform, item.machine.id, "stop_cleaning")
        return Published.NOBODY_LISTENS

    async with bare(platform, login) as machine:
        await online(platform, machine, "BARE")
    async with dispatcher(platform) as running, platform.watch("BARE") as viewer:
        monkeypatch.setattr(running._round._outgoing, "publish", nobody)
        start = await give(platform, "BARE", "start_cleaning")
        told: list[str] = []
        # What is said of the start comes before the first word of the stop, which is sent in the next round.
        while True:
            frame = json.loads(await viewer.recv())
            if frame["type"] == "command_state" and frame["data"]["id"] != start:
                break
            if frame["type"] == "command_state":
                told.append(frame["data"]["state"])
    assert told == ["queued", "sent", "cancelled"]


async def test_no_machine_has_a_word_on_another_ones_command(platform: Platform) -> None:
    mine, other, foreign = [
        await platform.add_machine(serial, company) for serial, company in (("SAME", 1), ("OTHER", 1), ("SAME", 2))
    ]
    async with dispatcher(platform), bare(platform, mine) as owner:
        await online(platform, owner, "SAME")
        start = await give(platform, "SAME", "start_cleaning")
        await becomes(platform, "SAME", start, "sent")
        for login in (other, foreign):
            async with bare(platform, login) as stranger:
                await stranger.answers(start, "failed")
        await owner.answers(start, "running")
        found = await becomes(platform, "SAME", start, "running")
        for word in ("accepted", "running", "succeeded", "failed", "accepted"):
            await owner.answers(start, word)
        found = await becomes(platform, "SAME", start, "succeeded")
    assert [change["state"] for change in found["history"]] == ["queued", "sent", "running", "succeeded"]


async def test_of_two_dispatchers_the_holder_sends_and_a_paused_one_does_not(
    on_both: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, time = on_both, Time()
    login = await platform.add_machine("ONE")
    async with bare(platform, login) as machine, dispatcher(platform) as first:
        await eventually(lambda: as_value(first._lease.held))
        async with dispatcher(platform, time) as second:
            await online(platform, machine, "ONE", session=[7, 1])
            await becomes(platform, "ONE", await give(platform, "ONE", "resume"), "sent")
            assert machine.orders == ["resume"]

            # The first cannot renew any more, and its lease lapses.
            monkeypatch.setattr(first._lease, "_take", stand_still)
            first._lease._until = 0
            waits = await give(platform, "ONE", "pause")
            assert (await command(platform, "ONE", waits))["state"] == "queued"
            time.ahead_ms = LEASE_MS
            await becomes(platform, "ONE", waits, "sent")
            assert (machine.orders, first._lease.held, second._lease.held) == (["resume", "pause"], False, True)


async def stand_still() -> None:
    """What a process does that is paused."""


async def test_a_lease_given_back_is_taken_at_once_and_one_that_lapsed_after_ten_seconds(platform: Platform) -> None:
    async with dispatcher(platform) as first:
        await eventually(lambda: as_value(first._lease.held))
    async with dispatcher(platform) as second:
        await eventually(lambda: as_value(second._lease.held), within_s=2)
        time = Time()
        time.ahead_ms = LEASE_MS + 1000
        async with dispatcher(platform, time) as third:
            await eventually(lambda: as_value(third._lease.held), within_s=2)
            await eventually(lambda: as_value(not second._lease.held), within_s=4)


async def test_a_thousand_commands_that_wait_starve_nobody(platform: Platform) -> None:
    away, here = await platform.add_machine("AWAY"), await platform.add_machine("HERE")
    assert away.machine_id == "AWAY"
    await fill(platform, "AWAY", 1000)
    async with bare(platform, here) as machine:
        await online(platform, machine, "HERE")
        order = await give(platform, "HERE", "resume")  # its wake-up is lost: nobody dispatches yet
        async with dispatcher(platform):
            await becomes(platform, "HERE", order, "sent")


async def test_a_disabled_machine_takes_no_commands(platform: Platform) -> None:
    await platform.add_machine("OFF")
    await platform.call("PATCH", "/machines/OFF", json={"enabled": False})
    answer = await platform.call("POST", "/machines/OFF/commands", json={"command": "resume"})
    assert answer.status_code == 409


async def fill(platform: Platform, serial: str, number: int) -> None:
    async with platform.database.write() as session:
        machine_id = await session.scalar(select(Machine.id).where(Machine.serial == serial))
        now_ms = wall_clock()
        session.add_all(
            CommandRow(
                id=uuid7(now_ms - number + n, n),
                company_id=1,
                machine_id=machine_id,
                command="custom",
                params="{}",
                state=State.QUEUED,
                issued_at=now_ms,
                changed_at=now_ms,
            )
            for n in range(number)
        )


async def give_by_hand(platform: Platform, machine_id: int, order: str) -> str:
    async with platform.database.write() as session:
        machine = await session.get_one(Machine, machine_id, with_for_update=True)
        row, _ = await service.give(session, machine, Wish(order, {}), user_id=None, now_ms=wall_clock())
        return row.id


async def test_a_bare_start_that_is_marked_waits_again_where_the_lease_is_lost_before_its_publish(
    on_both: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = on_both
    login = await platform.add_machine("BARE")
    async with bare(platform, login) as machine, dispatcher(platform) as running:
        await online(platform, machine, "BARE")
        may = iter([False])
        monkeypatch.setattr(running._round._outgoing, "_may_send", lambda: next(may, True))
        start = await give(platform, "BARE", "start_cleaning")
        await eventually(lambda: as_value(machine.orders))
        found = await becomes(platform, "BARE", start, "sent")
        assert [(one["state"], one["reason"]) for one in found["history"]] == [
            ("queued", ""),
            ("sent", ""),
            ("queued", Unsent.WITHHELD),
            ("sent", ""),
        ]
        assert (machine.orders, found["sends"]) == (["start_cleaning"], 1)


async def test_a_bare_start_that_is_marked_expires_where_its_time_runs_out_before_its_publish(
    on_both: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = on_both
    login = await platform.add_machine("BARE")
    async with bare(platform, login) as machine, dispatcher(platform) as running:
        await online(platform, machine, "BARE")
        monkeypatch.setattr(running._round._outgoing, "_now_ms", lambda: wall_clock() + 3_600_000)
        start = await give(platform, "BARE", "start_cleaning")
        found = await becomes(platform, "BARE", start, "expired")
        stop = await give(platform, "BARE", "stop_cleaning")
        await becomes(platform, "BARE", stop, "sent")
    assert [one["state"] for one in found["history"]] == ["queued", "sent", "queued", "expired"]
    assert (found["reason"], found["sends"], found["sent_at"]) == (Unsent.LATE, 0, None)
    assert machine.orders == ["stop_cleaning"]


async def test_what_ran_out_while_a_machine_was_away_is_told_in_one_go(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much of it there is: each look costs all that is queued, and stops of others wait meanwhile."""
    time, times = Time(), 0
    await platform.add_machine("AWAY")
    starts = [await give(platform, "AWAY", "start_cleaning", expires_in=60) for _ in range(10)]
    time.ahead_ms = 61_000
    become = Marks.become

    async def counted(marks: Marks, items: Collection[Item], state: State, **more: Any) -> set[str]:
        nonlocal times
        times += bool(items) and state is State.EXPIRED
        return await become(marks, items, state, **more)

    monkeypatch.setattr(Marks, "become", counted)
    async with dispatcher(platform, time):
        for start in starts:
            await becomes(platform, "AWAY", start, "expired")
    assert times == 1
