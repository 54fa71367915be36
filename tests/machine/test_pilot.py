"""What the pilot does with orders and with what it reads back."""

import pytest

from sunsweep.contract.commands import Order
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.pilot import START_LIMIT_S, Move, Pilot, Rejected
from sunsweep.machine.ports import Activity, Hardware
from sunsweep.machine.states import State
from tests.machine.fakes import FakeBody, FakeClock


class Rig:
    def __init__(self) -> None:
        self.body = FakeBody()
        self.clock = FakeClock()
        self.moves: list[Move] = []
        hardware = Hardware(self.body, self.body)
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
    await rig.pilot.order(Order.RESET, {})
    assert rig.is_in(State.IDLE)
    assert rig.body.calls[-2:] == ["cut_power", "restore_power"]


async def test_a_drive_that_does_not_take_an_order_is_a_fault(rig: Rig) -> None:
    rig.body.broken_drive = True
    assert await rig.pilot.order(Order.START_CLEANING, {}) is State.FAULT


async def test_after_a_restart_in_the_row_it_stands_until_told(rig: Rig) -> None:
    rig.body.see(activity=Activity.CLEANING)
    await rig.pilot.wake()
    assert rig.is_in(State.IDLE)
    assert rig.body.calls == ["halt"]
