"""Bare machines: which status proves a command, and which proves nothing."""

import json
from collections.abc import Collection
from typing import Any

import pytest

from sunsweep.contract.times import iso
from sunsweep.mqtt.port import Published
from sunsweep.server.clock import wall_clock
from sunsweep.server.dispatch import dispatcher as dispatching
from sunsweep.server.dispatch import timing
from sunsweep.server.dispatch.marks import Marks
from sunsweep.server.dispatch.repository import Item
from sunsweep.server.dispatch.round import NOT_PROVABLE
from tests.support.dispatching import Bare, Time, bare, becomes, command, dispatcher, give, online
from tests.support.platform import Platform, eventually

SERIAL = "BARE"


async def sent(platform: Platform, machine: Bare, order: str) -> str:
    """Given, and at the machine."""
    before = len(machine.orders)
    command_id = await give(platform, SERIAL, order)
    await becomes(platform, SERIAL, command_id, "sent")
    assert machine.orders[before:] == [order]
    return command_id


async def is_shown(platform: Platform, status: str) -> bool:
    return bool((await platform.get(f"/machines/{SERIAL}/status"))["status"] == status)


async def after(platform: Platform, machine: Bare, *statuses: str, **fields: Any) -> None:
    """The machine has said these, and everybody has heard them."""
    for status in statuses:
        await machine.says(status, **fields)
    mark = f"Marked {len(statuses)} {fields}"
    await machine.says(mark)
    await eventually(lambda: is_shown(platform, mark))


async def test_a_change_to_work_proves_a_start_and_standing_still_a_stop(on_both: Platform) -> None:
    platform = on_both
    login = await platform.add_machine(SERIAL)
    async with dispatcher(platform), bare(platform, login) as machine, platform.watch(SERIAL) as viewer:
        await online(platform, machine, SERIAL)
        start = await sent(platform, machine, "start_cleaning")
        await machine.says("Running")
        found = await becomes(platform, SERIAL, start, "succeeded")
        assert found["reason"] == 'its status became "Running"'
        stop = await sent(platform, machine, "stop_cleaning")
        await machine.says(" idle ")
        found = await becomes(platform, SERIAL, stop, "succeeded")
        assert (found["reason"], found["open"]) == ('its status is " idle "', False)
        told: list[tuple[str, str]] = []
        while (stop, "succeeded") not in told:
            frame = json.loads(await viewer.recv())
            if frame["type"] == "command_state":
                told.append((frame["data"]["id"], frame["data"]["state"]))
    assert told == [(one, state) for one in (start, stop) for state in ("queued", "sent", "succeeded")]


async def test_what_is_no_change_proves_no_start(platform: Platform) -> None:
    login = await platform.add_machine(SERIAL)
    async with dispatcher(platform), bare(platform, login) as machine:
        await online(platform, machine, SERIAL, status="Running")
        start = await sent(platform, machine, "start_cleaning")
        await machine.says("Running")
        await machine.says("offline")
        await machine.says("Running")
        await after(platform, machine)
        assert (await command(platform, SERIAL, start))["state"] == "sent"
        await machine.says("Running")
        await becomes(platform, SERIAL, start, "succeeded")


async def test_offline_unknown_and_strangers_states_prove_no_stop(platform: Platform) -> None:
    login = await platform.add_machine(SERIAL)
    async with dispatcher(platform), bare(platform, login) as machine:
        await online(platform, machine, SERIAL, status="Running")
        stop = await sent(platform, machine, "stop_cleaning")
        await after(platform, machine, "offline", "Schrubbt", "Running", "Paused")
        # Who names a session answers with results: its status is no proof.
        await after(platform, machine, "Idle", session=[7, 1])
        assert (await command(platform, SERIAL, stop))["state"] == "sent"
        await machine.says("Docked")
        assert (await becomes(platform, SERIAL, stop, "succeeded"))["reason"] == 'its status is "Docked"'


@pytest.mark.parametrize("number", [{}, {"boot": 7, "seq": 1}])
async def test_a_state_from_before_the_sending_proves_nothing(platform: Platform, number: dict[str, int]) -> None:
    login = await platform.add_machine(SERIAL)
    async with dispatcher(platform), bare(platform, login) as machine:
        await online(platform, machine, SERIAL, status="Running")
        stop = await sent(platform, machine, "stop_cleaning")
        await machine.says("Idle", ts=iso(wall_clock() - 60_000), **number)
        await after(platform, machine)
        assert (await command(platform, SERIAL, stop))["state"] == "sent"
        await machine.says("Idle", ts=iso(wall_clock()))
        await becomes(platform, SERIAL, stop, "succeeded")
        start = await sent(platform, machine, "start_cleaning")
        await machine.says("Running", ts=iso(wall_clock()))
        found = await becomes(platform, SERIAL, start, "succeeded")
    assert found["reason"] == 'its status became "Running"'


async def test_what_no_status_can_prove_is_said_at_once(platform: Platform) -> None:
    login = await platform.add_machine(SERIAL)
    (await platform.call("PATCH", "/companies/1", json={"custom_commands": True})).raise_for_status()
    async with dispatcher(platform), bare(platform, login) as machine:
        await online(platform, machine, SERIAL)
        custom = await give(platform, SERIAL, "polish")
        found = await becomes(platform, SERIAL, custom, "unconfirmed")
    assert (found["reason"], machine.orders) == (NOT_PROVABLE, ["polish"])


async def test_a_status_may_be_faster_than_the_brokers_answer(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = await platform.add_machine(SERIAL)
    async with dispatcher(platform) as running, bare(platform, login) as machine:
        await online(platform, machine, SERIAL)
        publish = running._round._outgoing.publish

        async def slowly(item: Item) -> Published:
            published = await publish(item)
            await machine.says("Running")
            await eventually(lambda: is_shown(platform, "Running"))
            return published

        monkeypatch.setattr(running._round._outgoing, "publish", slowly)
        start = await give(platform, SERIAL, "start_cleaning")
        found = await becomes(platform, SERIAL, start, "succeeded")
    assert found["reason"] == 'its status became "Running"'


async def test_a_later_word_corrects_unconfirmed(platform: Platform) -> None:
    login, time = await platform.add_machine(SERIAL), Time()
    async with dispatcher(platform, time), bare(platform, login) as machine:
        await online(platform, machine, SERIAL)
        start = await sent(platform, machine, "start_cleaning")
        time.ahead_ms = timing.ANSWER_WITHIN_MS + 1000
        await becomes(platform, SERIAL, start, "unconfirmed")
        await machine.says("Running")
        await becomes(platform, SERIAL, start, "succeeded")


async def test_the_next_dispatcher_reads_back_what_the_one_before_has_sent(on_both: Platform) -> None:
    platform = on_both
    login = await platform.add_machine(SERIAL)
    async with bare(platform, login) as machine:
        async with dispatcher(platform):
            await online(platform, machine, SERIAL)
            start = await sent(platform, machine, "start_cleaning")
        async with dispatcher(platform) as second:
            await eventually(lambda: adopted(second, start))
            await machine.says("Running")
            await becomes(platform, SERIAL, start, "succeeded")
            stop = await sent(platform, machine, "stop_cleaning")
        async with dispatcher(platform) as third:
            await eventually(lambda: adopted(third, stop))
            await machine.says("Idle")
            await becomes(platform, SERIAL, stop, "succeeded")


async def adopted(running: dispatching.Dispatcher, command_id: str) -> bool:
    return any(command_id in known for known in running._readback._awaited.values())


async def test_a_machine_that_answers_is_not_read_back(platform: Platform) -> None:
    login = await platform.add_machine(SERIAL)
    async with dispatcher(platform), bare(platform, login) as machine:
        await online(platform, machine, SERIAL, session=[7, 1])
        start = await sent(platform, machine, "start_cleaning")
        await machine.says("Running", session=[7, 1])
        await eventually(lambda: is_shown(platform, "Running"))
        assert (await command(platform, SERIAL, start))["state"] == "sent"
        await machine.answers(start, "succeeded")
        await becomes(platform, SERIAL, start, "succeeded")


async def test_a_database_that_is_away_after_the_publish_costs_no_proof(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = await platform.add_machine(SERIAL)
    mark, lost = Marks.sent, False

    async def lost_once(self: Marks, items: Collection[Item], *, at_ms: int) -> None:
        nonlocal lost
        if not lost:
            lost = True
            raise ConnectionResetError
        await mark(self, items, at_ms=at_ms)

    monkeypatch.setattr(Marks, "sent", lost_once)
    async with dispatcher(platform), bare(platform, login) as machine:
        await online(platform, machine, SERIAL)
        start = await sent(platform, machine, "start_cleaning")
        assert lost
        await machine.says("Running")
        await becomes(platform, SERIAL, start, "succeeded")
