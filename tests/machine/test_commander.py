"""From a delivered command to the words about it."""

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from sunsweep.contract.codec import encode_command
from sunsweep.contract.ids import uuid7
from sunsweep.contract.parameters import BadParameter
from sunsweep.contract.payloads import Command, Result, ResultState
from sunsweep.machine.commander import Commander
from sunsweep.machine.guard import Delivery, Guard
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.pilot import Pilot
from sunsweep.machine.ports import Activity, Hardware
from sunsweep.machine.states import State
from tests.machine.fakes import FakeBody, FakeClock

ACCEPTED, RUNNING, SUCCEEDED, FAILED = (
    ResultState.ACCEPTED,
    ResultState.RUNNING,
    ResultState.SUCCEEDED,
    ResultState.FAILED,
)


class Desk:
    """Gives commands with ever newer ids, and keeps what is said of each."""

    def __init__(self) -> None:
        self.body = FakeBody()
        self.said: list[Result] = []
        clock = FakeClock()
        self.configured: list[Mapping[str, Any]] = []
        self.commander = Commander(Guard(clock), self.said.append, self.configure)
        hardware = Hardware(self.body, self.body)
        self.pilot = Pilot(hardware, clock, interlocks=Interlocks(), listeners=[self.commander.hear])
        self._ms = 0

    async def configure(self, params: Mapping[str, Any]) -> dict[str, Any]:
        if "speed" in params:
            raise BadParameter("speed", "is none of mine")
        self.configured.append(params)
        return {"in_force": dict(params)}

    async def give(self, command: str, **params: Any) -> str:
        self._ms += 10
        identifier = uuid7(self._ms, Random(self._ms).getrandbits(74))
        await self.commander.take(Delivery(encode_command(Command(command, params, identifier))), self.pilot)
        return identifier

    def words(self, identifier: str) -> list[ResultState]:
        return [result.state for result in self.said if result.id == identifier]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_start_has_succeeded_when_the_work_is_seen(desk: Desk) -> None:
    start = await desk.give("start_cleaning")
    assert desk.words(start) == [ACCEPTED, RUNNING]
    await desk.pilot.tick()
    assert desk.words(start) == [ACCEPTED, RUNNING, SUCCEEDED]


async def test_a_return_has_succeeded_at_the_dock(desk: Desk) -> None:
    await desk.give("start_cleaning")
    home = await desk.give("return_to_dock")
    assert desk.words(home) == [ACCEPTED, RUNNING]
    desk.body.see(activity=Activity.DOCKED)
    await desk.pilot.tick()
    assert desk.words(home) == [ACCEPTED, RUNNING, SUCCEEDED]


async def test_a_stop_succeeds_at_once_also_where_nothing_moves(desk: Desk) -> None:
    stop = await desk.give("stop_cleaning")
    assert desk.words(stop) == [ACCEPTED, SUCCEEDED]
    assert desk.said[-1].detail == {"state": State.DOCKED, "already": True}


async def test_a_second_return_on_the_way_runs_and_succeeds_with_the_first(desk: Desk) -> None:
    await desk.give("start_cleaning")
    first, second = await desk.give("return_to_dock"), await desk.give("return_to_dock")
    assert desk.words(second) == [ACCEPTED, RUNNING]
    desk.body.see(activity=Activity.DOCKED)
    await desk.pilot.tick()
    assert desk.words(first)[-1] is desk.words(second)[-1] is SUCCEEDED


async def test_a_start_overtaken_by_a_stop_has_failed_and_says_why(desk: Desk) -> None:
    start = await desk.give("start_cleaning")
    stop = await desk.give("stop_cleaning")
    assert desk.words(start) == [ACCEPTED, RUNNING, FAILED]
    assert desk.words(stop) == [ACCEPTED, SUCCEEDED]
    failed = next(result for result in desk.said if result.state is FAILED)
    assert failed.detail["message"] == "overtaken by stop cleaning"


async def test_a_drive_that_does_not_answer_fails_the_command(desk: Desk) -> None:
    desk.body.broken_drive = True
    start = await desk.give("start_cleaning")
    assert desk.words(start) == [ACCEPTED, FAILED]
    assert desk.said[-1].detail["message"] == "the motor driver does not answer"


async def test_a_reset_that_does_not_work_fails_too(desk: Desk) -> None:
    await desk.give("emergency_stop")
    desk.body.broken_drive = True
    reset = await desk.give("reset")
    assert desk.words(reset) == [ACCEPTED, FAILED]
    assert desk.pilot.state is State.EMERGENCY_STOP


async def test_a_stop_that_came_in_a_wrong_way_first_still_runs(desk: Desk) -> None:
    await desk.give("start_cleaning")
    stop = uuid7(1000, 5)
    payload = encode_command(Command("stop_cleaning", {}, stop))
    await desk.commander.take(Delivery(payload, retained=True), desk.pilot)
    assert desk.pilot.state is State.STARTING
    await desk.commander.take(Delivery(payload), desk.pilot)
    assert desk.words(stop) == [ResultState.REJECTED, ACCEPTED, SUCCEEDED]


async def test_bare_commands_are_obeyed_in_silence(desk: Desk) -> None:
    for command in ("start_cleaning", "dance", "resume"):
        await desk.commander.take(Delivery(encode_command(Command(command))), desk.pilot)
    assert desk.said == []
    assert desk.pilot.state is State.STARTING
    assert desk.commander.last_order == "start_cleaning"


@pytest.mark.parametrize("before", [[], ["start_cleaning"], ["start_cleaning", "return_to_dock"], ["emergency_stop"]])
async def test_settings_are_set_in_every_state_and_nothing_moves(desk: Desk, before: list[str]) -> None:
    for command in before:
        await desk.give(command)
    state, calls = desk.pilot.state, list(desk.body.calls)
    configure = await desk.give("configure", telemetry_interval_s=10)
    assert desk.words(configure) == [SUCCEEDED]
    assert desk.said[-1].detail == {"in_force": {"telemetry_interval_s": 10}}
    assert (desk.pilot.state, desk.body.calls) == (state, calls)
    assert desk.commander.last_order == (before[-1] if before else None)


async def test_settings_that_may_not_be_are_refused_by_their_name(desk: Desk) -> None:
    configure = await desk.give("configure", speed=3)
    assert desk.words(configure) == [ResultState.REJECTED]
    assert desk.said[-1].detail == {"reason": "bad_parameter", "message": "speed is none of mine", "field": "speed"}
    assert desk.configured == []


async def test_settings_that_come_again_are_not_set_again(desk: Desk) -> None:
    payload = encode_command(Command("configure", {}, uuid7(50, 5)))
    await desk.commander.take(Delivery(payload), desk.pilot)
    first = list(desk.said)
    await desk.commander.take(Delivery(payload), desk.pilot)
    assert desk.said == first * 2
    assert desk.configured == [{}]


async def test_settings_without_an_id_are_set_in_silence(desk: Desk) -> None:
    await desk.commander.take(Delivery(encode_command(Command("configure", {"start_water_pct": 20}))), desk.pilot)
    assert (desk.configured, desk.said) == ([{"start_water_pct": 20}], [])
