"""What the pilot does with orders and with what it reads back."""

import pytest

from sunsweep.contract.commands import Order
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.pilot import START_LIMIT_S, Move, Pilot, Rejected
from sunsweep.machine.ports import NEEDED, Activity, Hardware, Sense
from sunsweep.machine.states import State
from tests.machine.fakes import FakeBody, FakeClock


class Rig:
    def __init__(self, senses: frozenset[Sense] = NEEDED) -> None:
        self.body = FakeBody()
        self.clock = FakeClock()
        self.moves: list[Move] = []
        hardware = Hardware(self.body, self.body, senses)
        self.pilot = Pilot(hardware, self.clock, interlocks=Interlocks(), listeners=[self.moves.append])

    def is_in(self, state: State) -> bool:
        return self.pilot.state is state

    async def work(self) -> None:
        await self.pilot.order(Order.START_CLEANING, {"speed": 4, "mode": "edge"})
        await self.pilot.tick()
        assert self.is_in(State.RUNNING)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_start_counts_only_once_the_brush_is_seen_working(rig: Rig) -> None:
    rig.body.obedient = False
    rig.body.see(activity=Activity.TRAVELLING)
    await rig.pilot.order(Order.START_CLEANING, {})
    await rig.pilot.tick()
    assert rig.is_in(State.STARTING)
    rig.body.see(activity=Activity.CLEANING)
    await rig.pilot.tick()
    assert rig.is_in(State.RUNNING)
    assert rig.body.calls == ["start 5 auto"]


async def test_a_start_that_leads_to_no_work_is_a_fault(rig: Rig) -> None:
    rig.body.obedient = False
    rig.body.see(activity=Activity.TRAVELLING)
    await rig.pilot.order(Order.START_CLEANING, {})
    rig.clock.advance(START_LIMIT_S + 1)
    await rig.pilot.tick()
    assert rig.is_in(State.FAULT)
    assert rig.body.calls[-1] == "halt"


@pytest.mark.parametrize(
    ("sight", "words"),
    [
        ({"battery_v": 12.5}, "battery low: 12.50 V, at least 13.00 V are needed"),
        ({"water_pct": 3.0}, "water low: 3 %, at least 10 % are needed"),
        ({"battery_v": None}, "the battery sensor does not answer"),
        ({"water_pct": None}, "the water sensor does not answer"),
    ],
)
async def test_no_start_without_battery_and_water(rig: Rig, sight: dict[str, float | None], words: str) -> None:
    rig.body.see(**sight)
    with pytest.raises(Rejected, match=words) as refused:
        await rig.pilot.order(Order.START_CLEANING, {})
    assert refused.value.reason == "interlock"
    assert rig.body.calls == []


@pytest.mark.parametrize("sight", [{"water_pct": 0.5}, {"battery_v": 12.4}, {"row_done": True}])
async def test_it_goes_home_by_itself_when_supplies_or_the_row_end(rig: Rig, sight: dict[str, float]) -> None:
    await rig.work()
    rig.body.see(**sight)
    await rig.pilot.tick()
    assert rig.is_in(State.RETURNING)
    rig.body.see(activity=Activity.DOCKED)
    await rig.pilot.tick()
    assert rig.is_in(State.DOCKED)
    rig.body.see(charging=True)
    await rig.pilot.tick()
    assert rig.is_in(State.CHARGING)


async def test_a_paused_machine_does_not_move_by_itself(rig: Rig) -> None:
    await rig.work()
    await rig.pilot.order(Order.PAUSE, {})
    rig.body.see(battery_v=11.0, water_pct=0.0)
    await rig.pilot.tick()
    assert rig.is_in(State.PAUSED)
    with pytest.raises(Rejected, match="battery low"):
        await rig.pilot.order(Order.RESUME, {})


async def test_a_drive_that_stops_by_itself_is_a_fault(rig: Rig) -> None:
    await rig.work()
    rig.body.see(activity=Activity.STANDING)
    await rig.pilot.tick()
    assert rig.is_in(State.FAULT)
    assert rig.moves[-1].words == "the drive stopped by itself"


async def test_it_does_not_clean_blind(rig: Rig) -> None:
    await rig.work()
    rig.body.broken_sensors = True
    await rig.pilot.tick()
    assert rig.is_in(State.FAULT)
    assert rig.body.calls[-1] == "halt"


async def test_an_emergency_stop_needs_no_sensor_and_ends_with_reset(rig: Rig) -> None:
    await rig.work()
    rig.body.broken_sensors = True
    await rig.pilot.order(Order.EMERGENCY_STOP, {})
    assert rig.is_in(State.EMERGENCY_STOP)
    with pytest.raises(Rejected, match="only reset leads out of it"):
        await rig.pilot.order(Order.STOP_CLEANING, {})
    with pytest.raises(Rejected, match="the sensors do not answer"):
        await rig.pilot.order(Order.RESET, {})
    rig.body.broken_sensors = False
    await rig.pilot.order(Order.RESET, {})
    assert rig.is_in(State.IDLE)
    assert rig.body.calls[-2:] == ["cut_power", "restore_power"]


async def test_the_button_stops_everything_and_reset_waits_for_its_release(rig: Rig) -> None:
    await rig.work()
    rig.body.see(emergency=True, button_pressed=True)
    await rig.pilot.tick()
    assert rig.is_in(State.EMERGENCY_STOP)
    assert rig.body.calls[-1] == "cut_power"
    assert rig.moves[-1].words == "the emergency stop button was pressed"
    with pytest.raises(Rejected, match="release it first") as refused:
        await rig.pilot.order(Order.RESET, {})
    assert refused.value.reason == "interlock"
    rig.body.see(emergency=False, button_pressed=False)
    await rig.pilot.tick()
    assert rig.is_in(State.EMERGENCY_STOP)
    await rig.pilot.order(Order.RESET, {})
    assert rig.is_in(State.IDLE)


async def test_a_press_seen_first_by_a_start_refuses_it(rig: Rig) -> None:
    rig.body.see(emergency=True)
    with pytest.raises(Rejected, match="the emergency stop button was pressed"):
        await rig.pilot.order(Order.START_CLEANING, {})
    assert rig.body.calls == []


@pytest.mark.parametrize(
    ("sight", "state", "words"),
    [
        ({"battery_v": None}, State.RETURNING, "the battery sensor does not answer"),
        ({"water_pct": None}, State.RETURNING, "the water sensor does not answer"),
        ({"temp_c": None}, State.RETURNING, "the temperature sensor does not answer"),
        ({"temp_c": 86.0}, State.RETURNING, "too hot: 86 °C, at most 85 °C are allowed"),
        ({"tilt_deg": None}, State.FAULT, "the tilt sensor does not answer"),
        ({"tilt_deg": 50.0}, State.FAULT, "tilted by 50°, at most 45° are allowed"),
    ],
)
async def test_it_does_not_go_on_blind_hot_or_tipping_over(
    sight: dict[str, float | None], state: State, words: str
) -> None:
    rig = Rig(NEEDED | {Sense.TEMP_C, Sense.TILT_DEG})
    rig.body.see(temp_c=40.0, tilt_deg=20.0)
    await rig.work()
    rig.body.see(**sight)
    await rig.pilot.tick()
    assert rig.is_in(state)
    assert rig.moves[-1].words == words
    assert rig.body.calls[-1] == ("return_to_dock" if state is State.RETURNING else "halt")


@pytest.mark.parametrize(
    ("sight", "words"),
    [
        ({"temp_c": 76.0}, "too hot: 76 °C, at most 75 °C are allowed"),
        ({"temp_c": None}, "the temperature sensor does not answer"),
        ({"tilt_deg": 50.0}, "tilted by 50°"),
        ({"tilt_deg": None}, "the tilt sensor does not answer"),
    ],
)
async def test_no_start_hot_tilted_or_without_a_sensor_it_has(sight: dict[str, float | None], words: str) -> None:
    rig = Rig(NEEDED | {Sense.TEMP_C, Sense.TILT_DEG})
    rig.body.see(**{"temp_c": 40.0, "tilt_deg": 20.0, **sight})
    with pytest.raises(Rejected, match=words):
        await rig.pilot.order(Order.START_CLEANING, {})
    assert rig.body.calls == []


async def test_on_its_way_home_a_machine_that_tips_over_stands(rig: Rig) -> None:
    await rig.work()
    await rig.pilot.order(Order.RETURN_TO_DOCK, {})
    rig.body.see(tilt_deg=60.0)
    await rig.pilot.tick()
    assert rig.is_in(State.FAULT)
    with pytest.raises(Rejected, match="tilted by 60°"):
        await rig.pilot.order(Order.RESET, {})


async def test_a_drive_that_is_dead_at_the_start_of_the_program_is_a_fault(rig: Rig) -> None:
    rig.body.see(activity=Activity.STANDING)
    rig.body.broken_drive = True
    await rig.pilot.wake()
    assert rig.is_in(State.FAULT)


async def test_a_drive_that_does_not_take_an_order_is_a_fault(rig: Rig) -> None:
    rig.body.broken_drive = True
    assert await rig.pilot.order(Order.START_CLEANING, {}) is State.FAULT


async def test_after_a_restart_in_the_row_it_stands_until_told(rig: Rig) -> None:
    rig.body.see(activity=Activity.CLEANING)
    await rig.pilot.wake()
    assert rig.is_in(State.IDLE)
    assert rig.body.calls == ["halt"]
