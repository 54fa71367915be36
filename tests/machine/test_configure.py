"""Settings from afar on a real broker: in force at once, over restarts, in every state."""

from pathlib import Path

from sunsweep.contract.payloads import Command, Result, ResultState, Status
from sunsweep.machine.states import State
from tests.machine.broker import Broker
from tests.machine.conftest import TOPIC, Running
from tests.machine.observer import Heard, Observer, is_sample, observing, says, tells
from tests.machine.test_on_the_wire import command_id


async def configure(observer: Observer, ms: int, last: ResultState = ResultState.SUCCEEDED, **params: object) -> Result:
    identifier = command_id(ms)
    await observer.command(TOPIC, Command("configure", params, identifier))
    heard = await observer.until(tells(identifier, last))
    assert isinstance(heard.body, Result)
    return heard.body


def is_heartbeat(heard: Heard) -> bool:
    return isinstance(heard.body, Status) and not heard.body.stamp.numbered


async def test_a_long_wait_ends_with_the_new_interval(broker: Broker, running: Running) -> None:
    async with observing(broker) as observer, running(telemetry_interval_s=3600.0, heartbeat_interval_s=3600.0):
        await observer.until(is_sample)
        said = len(observer.heard)
        told = await configure(observer, 10, telemetry_interval_s=60, heartbeat_interval_s=60)
        assert told.detail["in_force"]["telemetry_interval_s"] == 60
        assert told.detail["kept"] is False, "it has no state_dir"
        await observer.until(is_sample, after=said)
        await observer.until(is_heartbeat, after=said)


async def test_what_is_out_of_range_changes_nothing_and_is_named(broker: Broker, running: Running) -> None:
    async with observing(broker) as observer, running():
        await observer.until(is_sample)
        params = {"telemetry_interval_s": 5, "start_battery_v": 9}
        told = await configure(observer, 10, ResultState.REJECTED, **params)
        assert told.detail == {
            "reason": "bad_parameter",
            "message": "start_battery_v is 9; it must be a number from 12 to 14.4 V",
            "field": "start_battery_v",
        }
        assert (await configure(observer, 20)).detail["in_force"]["telemetry_interval_s"] == 0.2


async def test_a_limit_bites_at_once_and_a_restart_keeps_it(broker: Broker, running: Running, tmp_path: Path) -> None:
    folder = str(tmp_path / "state")
    async with observing(broker) as observer, running(state_dir=folder):
        await observer.until(is_sample)
        assert (await configure(observer, 10, start_battery_v=14.4)).detail["kept"] is True
    async with observing(broker) as observer, running(state_dir=folder):
        await observer.until(is_sample)
        start = command_id(20)
        await observer.command(TOPIC, Command("start_cleaning", {}, start))
        heard = await observer.until(tells(start, ResultState.REJECTED))
        assert isinstance(heard.body, Result)
        assert "at least 14.40 V are needed" in heard.body.detail["message"]
        await configure(observer, 30, defaults=True)
        again = command_id(40)
        await observer.command(TOPIC, Command("start_cleaning", {}, again))
        await observer.until(tells(again, ResultState.SUCCEEDED))


async def test_a_machine_in_emergency_stop_stays_in_it(broker: Broker, running: Running) -> None:
    async with observing(broker) as observer, running() as machine:
        await observer.until(is_sample)
        stop = command_id(10)
        await observer.command(TOPIC, Command("emergency_stop", {}, stop))
        await observer.until(tells(stop, ResultState.SUCCEEDED))
        await configure(observer, 20, max_tilt_deg=30)
        assert machine.pilot.state is State.EMERGENCY_STOP


async def test_a_limit_that_a_run_breaks_sends_it_home(broker: Broker, running: Running) -> None:
    async with observing(broker) as observer, running():
        await observer.until(is_sample)
        start = command_id(10)
        await observer.command(TOPIC, Command("start_cleaning", {}, start))
        await observer.until(tells(start, ResultState.SUCCEEDED))
        await configure(observer, 20, start_battery_v=14.4, run_battery_v=14.4)
        await observer.until(says("Returning"))
