"""The simulated body over long days: what physics allows, and nothing else."""

from random import Random

import pytest

from sunsweep.contract.commands import Order
from sunsweep.machine.drivers.battery import MAX_V, MIN_V, Battery, rest_v
from sunsweep.machine.drivers.bench_sky import BenchSky
from sunsweep.machine.drivers.body import Body, Build
from sunsweep.machine.drivers.simulated import embody
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.pilot import Pilot, Rejected
from sunsweep.machine.ports import Activity, HardwareError, Mode, Plan, Reading
from sunsweep.machine.states import State
from tests.machine.fakes import FakeClock


class Day:
    """A body, its pilot and the site's time, moved by hand."""

    def __init__(self, build: Build | None = None, *, max_amps: float = 5.0) -> None:
        self.clock = FakeClock()
        self.body = Body(build or Build(), BenchSky(max_amps=max_amps), self.clock.monotonic_s, Random(1))
        self.hardware = embody(self.body)
        self.pilot = Pilot(self.hardware, self.clock, interlocks=Interlocks(), listeners=[])

    async def live(self, seconds: float) -> Reading:
        self.clock.advance(seconds)
        await self.pilot.tick()
        return self.pilot.reading


async def test_a_long_day_of_work_stays_within_physics() -> None:
    day = Day()
    states = set()
    before = await day.live(0)
    state_before = day.pilot.state
    for minute in range(26 * 60):
        if day.pilot.state in {State.DOCKED, State.CHARGING} and minute % 30 == 0:
            try:
                await day.pilot.order(Order.START_CLEANING, {"speed": 6})
                before = day.pilot.reading
            except Rejected:
                pass
        now = await day.live(60)
        states.add(day.pilot.state)
        _check_step(before, now, docked=Activity.DOCKED in {before.activity, now.activity})
        before, state_before = now, day.pilot.state
    assert states >= {State.RUNNING, State.RETURNING, State.CHARGING}
    assert state_before is not State.FAULT


def _check_step(before: Reading, now: Reading, *, docked: bool) -> None:
    assert now.battery_v is not None
    assert now.water_pct is not None
    assert before.water_pct is not None
    assert MIN_V <= now.battery_v <= MAX_V
    assert 0 <= now.water_pct <= 100
    assert docked or now.water_pct <= before.water_pct
    assert now.run.energy_wh >= before.run.energy_wh
    assert now.run.area_m2 >= before.run.area_m2
    assert now.run.water_l >= before.run.water_l


async def test_water_falls_only_while_it_cleans_and_rises_only_at_the_dock() -> None:
    day = Day()
    await day.pilot.order(Order.START_CLEANING, {})
    full = (await day.live(30)).water_pct
    lower = (await day.live(600)).water_pct
    await day.pilot.order(Order.PAUSE, {})
    paused = (await day.live(600)).water_pct
    await day.pilot.order(Order.RETURN_TO_DOCK, {})
    await day.live(130)
    docked = (await day.live(300)).water_pct
    assert full is not None
    assert lower is not None
    assert paused is not None
    assert docked is not None
    assert full > lower == pytest.approx(paused, abs=0.05)
    assert docked > paused


@pytest.mark.parametrize("speed", range(1, 10))
def test_a_faster_run_shakes_more_draws_more_and_cleans_more(speed: int) -> None:
    seen = []
    for chosen in (speed, speed + 1):
        clock = FakeClock()
        body = Body(Build(), BenchSky(), clock.monotonic_s, Random(1))
        body.begin(Plan(chosen))
        clock.advance(300)
        body.advance()
        shakes = sum(body.vibration_g for _ in range(50)) / 50
        seen.append((shakes, body.load_w, body.run.area_m2, body.run.water_l))
    assert all(slow < fast for slow, fast in zip(*seen, strict=True))


async def test_counters_begin_anew_with_each_run() -> None:
    day = Day()
    await day.pilot.order(Order.START_CLEANING, {})
    assert (await day.live(300)).run.area_m2 > 10
    await day.pilot.order(Order.STOP_CLEANING, {})
    await day.pilot.order(Order.START_CLEANING, {})
    assert day.pilot.reading.run.area_m2 == 0


async def test_an_auto_run_ends_with_its_row_and_a_manual_one_does_not() -> None:
    for mode, ended in ((Mode.AUTO, True), (Mode.EDGE, True), (Mode.MANUAL, False)):
        day = Day(Build(row_m2=50.0))
        await day.pilot.order(Order.START_CLEANING, {"mode": mode})
        for _ in range(10):
            await day.live(60)
        assert (day.pilot.state is not State.RUNNING) is ended


async def test_without_power_to_spare_the_battery_gives_out_and_the_body_stands() -> None:
    clock = FakeClock()
    body = Body(Build(charge=0.02), BenchSky(max_amps=0.0), clock.monotonic_s, Random(1))
    body.begin(Plan(10))
    clock.advance(3600)
    body.advance()
    assert body.activity is Activity.STANDING
    assert body.battery.volts == MIN_V
    with pytest.raises(HardwareError, match="battery is empty"):
        await embody(body).drive.return_to_dock()


async def test_nothing_moves_without_power_after_an_emergency_stop() -> None:
    day = Day()
    await day.hardware.drive.cut_power()
    with pytest.raises(HardwareError, match="emergency stop"):
        await day.hardware.drive.start(Plan())
    await day.hardware.drive.restore_power()
    await day.hardware.drive.start(Plan())


def test_the_battery_sags_under_load_and_rises_on_the_charger() -> None:
    loaded, charged = Battery(charge=0.5), Battery(charge=0.5)
    loaded.exchange(-200, 1)
    charged.exchange(100, 1)
    assert loaded.volts < rest_v(0.5) < charged.volts


def test_volts_at_rest_rise_with_charge_from_empty_to_full() -> None:
    volts = [rest_v(percent / 100) for percent in range(101)]
    assert volts == sorted(volts)
    assert (volts[0], volts[-1]) == (MIN_V, 13.6)


def test_a_gap_of_years_is_no_lifetime_of_steps() -> None:
    clock = FakeClock()
    body = Body(Build(), BenchSky(), clock.monotonic_s, Random(1))
    clock.advance(3e8)
    body.advance()
    assert body.battery.charge > 0.99
