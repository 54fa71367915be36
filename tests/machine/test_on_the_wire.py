"""One machine on a real broker, seen from the backend's side."""

import asyncio
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from sunsweep.contract.ids import uuid7
from sunsweep.contract.limits import MAX_BOOT, MAX_UNRECEIPTED
from sunsweep.contract.payloads import Command, ResultState
from sunsweep.contract.topics import Channel
from sunsweep.machine.clock import SystemClock
from sunsweep.machine.drivers.bench_sky import BenchSky
from sunsweep.machine.drivers.body import Body, Build
from sunsweep.machine.drivers.simulated import embody, morning_clock
from sunsweep.machine.link_watch import LinkLost, Then
from sunsweep.machine.ports import Hardware
from sunsweep.machine.program import Machine
from sunsweep.machine.states import State
from tests.machine.broker import Broker
from tests.machine.conftest import PASSWORD, QUICK, TOPIC, USER, Running, config_for
from tests.machine.cutter import cutting
from tests.machine.fakes import FakeBody, FakeClock
from tests.machine.observer import Observer, is_sample, observing, says, tells

QUARTER = 5
"""Seed of a boot that lies a quarter of the way up to the highest."""
_draw = Random(3)


def command_id(ms: int) -> str:
    return uuid7(ms, _draw.getrandbits(74))


async def results_of(observer: Observer, identifier: str, *, last: ResultState) -> list[ResultState]:
    await observer.until(tells(identifier, last))
    return [result.state for result in observer.results if result.id == identifier]


async def test_the_first_word_is_a_status_with_session_software_and_outbox(broker: Broker, running: Running) -> None:
    async with observing(broker) as observer, running():
        sample = await observer.until(is_sample)
        first = observer.statuses[0]
        assert first.session is not None
        assert first.session[1] == 1
        assert first.software == "sunsweep-machine 0.1.0"
        assert first.outbox is not None
        assert not first.stamp.numbered
        assert sample.body.stamp.seq >= 1
        assert sample.body.stamp.boot == first.session[0]


async def test_the_sample_after_the_one_at_connect_comes_after_a_part_of_the_interval(broker: Broker) -> None:
    """So that a fleet whose broker was away does not sample in step from then on."""
    clock = SystemClock()
    body = Body(Build(), BenchSky(), morning_clock(clock), Random(7))
    config = replace(config_for(broker.url), telemetry_interval_s=8.0)
    machine = Machine(config, embody(body), clock=clock, random=Random(QUARTER), pace=QUICK)
    task = asyncio.create_task(machine.run(), name="machine")
    try:
        async with observing(broker) as observer:
            await observer.until(lambda heard: is_sample(heard) and heard.body.stamp.seq > first_seq(observer))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    instants = [heard.body.stamp.ts_ms or 0 for heard in observer.heard if is_sample(heard)]
    part_ms = 8000 * machine.outbox.boot / MAX_BOOT
    assert part_ms < 3000
    assert part_ms - 100 < instants[1] - instants[0] < part_ms + 2000


def first_seq(observer: Observer) -> int:
    """Of the first sample that was heard."""
    return next(heard.body.stamp.seq for heard in observer.heard if is_sample(heard))


async def test_bare_json_starts_pauses_resumes_and_stops(broker: Broker, running: Running) -> None:
    async with observing(broker) as observer, running(Build(way_home_s=10.0)):
        await observer.until(is_sample)
        for command, state in [
            ('{"command":"start_cleaning","params":{"speed":5,"mode":"auto"}}', "Running"),
            ('{"command":"pause","params":{}}', "Paused"),
            ('{"command":"resume","params":{}}', "Running"),
            ('{"command":"stop_cleaning","params":{}}', "Idle"),
            ('{"command":"return_to_dock","params":{}}', "Docked"),
        ]:
            seen = len(observer.heard)
            await broker.publish(str(TOPIC), command)
            await observer.until(says(state), after=seen)
        assert observer.results == []


async def test_a_start_with_id_is_accepted_running_and_succeeded_when_it_works(
    broker: Broker, running: Running
) -> None:
    async with observing(broker) as observer, running():
        await observer.until(is_sample)
        start = command_id(10)
        await observer.command(TOPIC, Command("start_cleaning", {"speed": 3}, start))
        states = await results_of(observer, start, last=ResultState.SUCCEEDED)
        assert states == [ResultState.ACCEPTED, ResultState.RUNNING, ResultState.SUCCEEDED]
        succeeded = observer.results[-1]
        assert succeeded.detail["state"] == "Running"


async def test_refusals_are_told_in_plain_words(broker: Broker, running: Running) -> None:
    async with observing(broker) as observer, running():
        await observer.until(is_sample)
        orders = [
            Command("pause", {}, command_id(10)),
            Command("start_cleaning", {"speed": 11}, command_id(20)),
            Command("start_cleaning", {"mode": "fast"}, command_id(30)),
            Command("dance", {}, command_id(40)),
        ]
        for order in orders:
            await observer.command(TOPIC, order)
            assert order.id is not None
            assert await results_of(observer, order.id, last=ResultState.REJECTED) == [ResultState.REJECTED]
        words = [result.detail["message"] for result in observer.results]
        assert words == [
            "cannot pause: the machine is charging at its dock",
            "speed is 11; it must be a whole number from 1 to 10",
            'mode is "fast"; it must be one of auto, manual, edge',
            "this machine does not know 'dance'",
        ]


async def test_a_repeated_id_gets_its_last_word_and_does_not_run(broker: Broker, running: Running) -> None:
    async with observing(broker) as observer, running():
        await observer.until(is_sample)
        start, stop = command_id(10), command_id(20)
        await observer.command(TOPIC, Command("start_cleaning", {}, start))
        await results_of(observer, start, last=ResultState.SUCCEEDED)
        await observer.command(TOPIC, Command("stop_cleaning", {}, stop))
        await results_of(observer, stop, last=ResultState.SUCCEEDED)
        seen = len(observer.heard)
        await observer.command(TOPIC, Command("start_cleaning", {}, start))
        await observer.until(tells(start, ResultState.SUCCEEDED), after=seen)
        older = command_id(15)
        await observer.command(TOPIC, Command("start_cleaning", {}, older))
        await results_of(observer, older, last=ResultState.REJECTED)
        assert observer.results[-1].detail["reason"] == "older_than_stop"


async def test_a_retained_command_is_not_obeyed(broker: Broker, running: Running) -> None:
    start = command_id(10)
    await broker.publish(str(TOPIC), f'{{"command":"start_cleaning","id":"{start}"}}', "-r")
    async with observing(broker) as observer, running():
        await results_of(observer, start, last=ResultState.REJECTED)
        assert observer.results[-1].detail["reason"] == "retained"


async def test_message_expiry_crosses_the_broker_and_a_fresh_start_runs(broker: Broker, running: Running) -> None:
    async with observing(broker) as observer, running():
        await observer.until(is_sample)
        await broker.publish(
            str(TOPIC), '{"command":"start_cleaning"}', "-V", "5", "-D", "publish", "message-expiry-interval", "30"
        )
        await observer.until(says("Running"))


async def test_receipts_empty_the_outbox(broker: Broker, running: Running) -> None:
    async with observing(broker) as observer, running(telemetry_interval_s=3600.0) as machine:
        await observer.until(is_sample)
        async with asyncio.timeout(5):
            while len(machine.outbox):
                await asyncio.sleep(0.02)
        assert machine.outbox.counts.stored >= 1


async def test_where_receipts_are_off_the_brokers_word_suffices(broker: Broker, running: Running) -> None:
    async with (
        observing(broker, receipts=False) as observer,
        running(receipts=False, telemetry_interval_s=3600.0) as machine,
    ):
        await observer.until(is_sample)
        async with asyncio.timeout(5):
            while len(machine.outbox):
                await asyncio.sleep(0.02)


async def test_where_receipts_are_off_a_brokers_no_is_no_yes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker = Broker(tmp_path, [(USER, PASSWORD, "another")])
    await broker.prepare()
    await broker.start()
    clock, random = SystemClock(), Random(7)
    config = replace(config_for(broker.url), receipts=False)
    body = Body(Build(), BenchSky(), morning_clock(clock), random)
    machine = Machine(config, embody(body), clock=clock, random=random, pace=QUICK)
    task = asyncio.create_task(machine.run(), name="machine")
    try:
        async with asyncio.timeout(10):
            while "the broker does not take our messages (Not authorized)" not in caplog.text:
                await asyncio.sleep(0.02)
        assert machine.outbox.counts.stored == 0
        assert len(machine.outbox) == machine.outbox.last_seq > 0
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await broker.stop()


async def test_a_retained_receipt_tells_no_time(broker: Broker) -> None:
    receipts = str(TOPIC._replace(channel=Channel.RECEIPT))
    await broker.publish(receipts, '{"now":"2020-01-01T00:00:00.000Z"}', "-r")
    machine_clock = FakeClock()
    machine_clock.synchronised = False
    body = FakeBody()
    machine = Machine(config_for(broker.url), Hardware(body, body), clock=machine_clock, random=Random(7), pace=QUICK)
    task = asyncio.create_task(machine.run(), name="machine")
    try:
        async with observing(broker, receipts=False) as observer:
            await observer.until(lambda heard: heard.topic.channel is Channel.STATUS)
            await observer.command(TOPIC, Command("stop_cleaning", {}))
            async with asyncio.timeout(10):
                while machine.last_order is None:
                    await asyncio.sleep(0.02)
        assert machine.outbox.last_seq > 0
        assert not list(machine.outbox.pending())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_backend_without_receipts_goes_on_seeing_new_samples(broker: Broker, running: Running) -> None:
    async with observing(broker, receipts=False) as observer, running(telemetry_interval_s=0.002) as machine:
        shown = await observer.until(lambda heard: is_sample(heard) and heard.qos == 0)
        assert shown.body.stamp.seq > MAX_UNRECEIPTED
        assert len(machine.outbox) >= shown.body.stamp.seq


async def test_a_restarted_broker_gets_what_was_not_receipted_in_order(broker: Broker, running: Running) -> None:
    async with running() as machine:
        async with observing(broker, receipts=False) as before:
            await before.until(lambda heard: heard.body.stamp.seq >= 3)
        await broker.stop()
        async with asyncio.timeout(5):
            while machine.outbox.last_seq < 8:
                await asyncio.sleep(0.02)
        await broker.start()
        async with observing(broker, receipts=True) as after:
            await after.until(lambda heard: heard.body.stamp.seq >= 12)
            numbers = [heard.body.stamp.seq for heard in after.heard if heard.body.stamp.numbered]
            assert sorted(set(numbers)) == list(range(min(numbers), max(numbers) + 1))
            assert numbers == sorted(numbers)
            assert any(status.session == (machine.outbox.boot, 2) for status in after.statuses)


async def test_a_clean_end_says_offline(broker: Broker, running: Running) -> None:
    async with observing(broker) as observer:
        async with running() as machine:
            await observer.until(is_sample)
        await observer.until(says("offline"))
        assert observer.statuses[-1].session == (machine.outbox.boot, 1)


async def test_a_link_cut_again_and_again_loses_nothing(broker: Broker, running: Running) -> None:
    chance = Random(5)
    async with observing(broker) as observer, cutting(broker.port) as cutter:
        async with running(broker=f"mqtt://127.0.0.1:{cutter.port}", telemetry_interval_s=0.01) as machine:
            while cutter.connections < 15:
                await asyncio.sleep(chance.uniform(0.0, 0.2))
                cutter.cut()
            last = machine.outbox.last_seq
            await observer.until(lambda heard: heard.body.stamp.seq >= last)
            async with asyncio.timeout(10):
                while next(machine.outbox.pending()).seq <= last:
                    await asyncio.sleep(0.02)
        heard = {one.body.stamp.seq for one in observer.heard}
        assert set(range(1, last + 1)) <= heard
        sessions = [status.session for status in observer.statuses if status.software and status.session]
        assert sessions == sorted(sessions)


async def test_a_machine_at_work_goes_home_when_the_broker_stays_away(broker: Broker, running: Running) -> None:
    rule = LinkLost(go_on_min=0.01, then=Then.RETURN_TO_DOCK)
    async with observing(broker) as observer, running(Build(way_home_s=10_000.0), link_lost=rule) as machine:
        await observer.until(is_sample)
        await broker.publish(str(TOPIC), '{"command":"start_cleaning","params":{}}')
        await observer.until(says("Running"))
        await broker.stop()
        async with asyncio.timeout(20):
            while machine.pilot.state is not State.RETURNING:
                await asyncio.sleep(0.05)
