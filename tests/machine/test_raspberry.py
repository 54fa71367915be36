"""The whole driver on mock pins and a bus of chips: what it reads, what it moves, and how it stops."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from sunsweep.contract.commands import Order
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.pilot import Move, Pilot, Rejected
from sunsweep.machine.ports import Activity, Hardware, HardwareError, Mode, Plan, Sense
from sunsweep.machine.states import State
from tests.machine.pi import (
    BACKWARD,
    BRUSH,
    BUTTON,
    DOCK,
    FORWARD,
    POWER,
    PUMP,
    ROW_END,
    SENSORS,
    Pi,
    read_all,
)


@pytest.fixture
def pi(tmp_path: Path) -> Iterator[Pi]:
    pi = Pi(tmp_path)
    yield pi
    pi.i2c.free.set()
    pi.pins.reset()


async def test_every_sensor_is_read_in_its_unit(pi: Pi) -> None:
    reading = await read_all(pi.body(), Sense.TEMP_C)
    assert reading.battery_v == pytest.approx(11.98 * 1.1, abs=0.001)
    assert reading.current_a == pytest.approx(10.0)
    assert reading.solar_v == pytest.approx(11.98)
    assert reading.solar_a == pytest.approx(0.2)
    assert reading.water_pct == pytest.approx(82.0)
    assert reading.tilt_deg == pytest.approx(0.0)
    assert reading.vibration_g == pytest.approx(0.0)
    assert reading.temp_c == 23.125
    assert reading.activity is Activity.DOCKED
    assert not reading.emergency


async def test_it_charges_when_current_flows_into_the_battery(pi: Pi) -> None:
    hardware = pi.body()
    assert not (await hardware.sensors.read()).charging
    pi.meter.registers[0x01] = 0x10000 - 400  # -1 mV over 2 mohm
    assert (await hardware.sensors.read()).charging


async def test_one_silent_chip_costs_its_values_only_and_is_said_once(pi: Pi, caplog: pytest.LogCaptureFixture) -> None:
    hardware = pi.body()
    with caplog.at_level(logging.DEBUG, logger="sunsweep.machine"):
        pi.adc.silent = True
        for _ in range(3):
            reading = await hardware.sensors.read()
            assert reading.water_pct is None
            assert reading.battery_v is not None
        pi.clock.advance(42)
        pi.adc.silent = False
        assert (await hardware.sensors.read()).water_pct == pytest.approx(82.0)
    about_water = [record for record in caplog.records if "water_pct" in record.message]
    assert [record.levelname for record in about_water] == ["WARNING", "DEBUG", "DEBUG", "WARNING"]
    assert about_water[-1].message == "the sensor water_pct is back after 42 s"


async def test_a_value_that_cannot_be_is_none(pi: Pi, caplog: pytest.LogCaptureFixture) -> None:
    pi.water[0] = 0x7FFE  # a broken wire at 5 V: 184 % of the tank
    assert (await pi.body().sensors.read()).water_pct is None
    assert "outside of -5 to 105" in caplog.text


async def test_a_bus_that_answers_nobody_is_the_boards_fault_and_comes_back(pi: Pi) -> None:
    hardware = pi.body()
    pi.i2c.dead = True
    with pytest.raises(HardwareError, match="I2C bus 1 cannot be opened"):
        await hardware.sensors.read()
    pi.i2c.dead = False
    assert (await hardware.sensors.read()).battery_v is not None
    pi.i2c.dead = True
    with pytest.raises(HardwareError, match="I2C bus 1: no chip answers"):
        await hardware.sensors.read()
    pi.i2c.dead = False
    assert (await hardware.sensors.read()).battery_v is not None
    assert pi.i2c.opened == 2


async def test_a_bus_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    pi = Pi(tmp_path, read_limit_s=0.05)
    hardware = pi.body()
    pi.i2c.free.clear()
    for _ in range(2):
        with pytest.raises(HardwareError, match="I2C bus 1 hangs"):
            await hardware.sensors.read()
    await hardware.drive.cut_power()
    assert pi.still
    pi.i2c.free.set()
    async with asyncio.timeout(10):
        while True:
            try:
                reading = await hardware.sensors.read()
                break
            except HardwareError:
                await asyncio.sleep(0)
    assert reading.battery_v is not None
    pi.pins.reset()


async def test_a_run_leaves_the_dock_cleans_and_counts(pi: Pi) -> None:
    hardware = pi.body()
    await hardware.sensors.read()
    await hardware.drive.start(Plan(6, Mode.AUTO))
    assert (pi.level(BRUSH), pi.level(PUMP), pi.level(FORWARD), pi.level(BACKWARD)) == (0.6, 1, 0.6, 0)
    assert (await hardware.sensors.read()).activity is Activity.TRAVELLING
    pi.open(DOCK)
    assert (await hardware.sensors.read()).activity is Activity.CLEANING
    pi.clock.advance(60)
    run = (await hardware.sensors.read()).run
    assert run.area_m2 == pytest.approx(0.6 * 0.5 * 2.0 * 60)
    assert run.water_l == pytest.approx(6.0)
    assert run.energy_wh == pytest.approx(11.98 * 1.1 * 10.0 / 60, rel=0.001)
    await hardware.drive.halt()
    assert pi.still
    pi.clock.advance(60)
    after = await hardware.sensors.read()
    assert (after.activity, after.run) == (Activity.STANDING, run)


async def test_the_end_of_the_row_stops_the_wheels_at_once(pi: Pi) -> None:
    hardware = pi.body()
    pi.open(DOCK)
    await hardware.drive.start(Plan())
    pi.close(ROW_END)
    assert pi.level(FORWARD) == 0
    reading = await hardware.sensors.read()
    assert reading.row_done
    assert reading.activity is Activity.CLEANING


async def test_the_way_home_ends_at_the_docks_contact(pi: Pi) -> None:
    hardware = pi.body()
    pi.open(DOCK)
    await hardware.drive.return_to_dock()
    assert pi.level(BACKWARD) == 0.5
    assert (await hardware.sensors.read()).activity is Activity.TRAVELLING
    pi.close(DOCK)
    assert pi.still
    assert (await hardware.sensors.read()).activity is Activity.DOCKED


async def test_a_way_home_without_end_is_given_up(pi: Pi) -> None:
    hardware = pi.body()
    pi.open(DOCK)
    await hardware.drive.return_to_dock()
    pi.clock.advance(601)
    assert (await hardware.sensors.read()).activity is Activity.STANDING
    assert pi.still


async def test_the_button_cuts_the_motors_before_anybody_looks(pi: Pi) -> None:
    hardware = pi.body()
    pi.open(DOCK)
    await hardware.drive.start(Plan())
    pi.open(BUTTON)
    assert pi.still
    assert pi.level(POWER) == 0
    for deed in (hardware.drive.start(Plan()), hardware.drive.resume(), hardware.drive.return_to_dock()):
        with pytest.raises(HardwareError, match="emergency stop"):
            await deed
    pi.close(BUTTON)
    reading = await hardware.sensors.read()
    assert reading.emergency
    assert not reading.button_pressed
    assert pi.still
    await hardware.drive.restore_power()
    assert not (await hardware.sensors.read()).emergency
    assert pi.level(POWER) == 1


async def test_a_button_pressed_at_power_on_holds_everything(pi: Pi) -> None:
    pi.open(BUTTON)
    hardware = pi.body()
    assert pi.level(POWER) == 0
    with pytest.raises(HardwareError, match="button is pressed"):
        await hardware.drive.restore_power()


async def test_a_pressed_button_is_told_even_with_a_dead_bus(pi: Pi) -> None:
    hardware = pi.body()
    pi.i2c.dead = True
    pi.open(BUTTON)
    assert (await hardware.sensors.read()).button_pressed


class Cleaning:
    """The pilot on this body, at work in its row."""

    def __init__(self, pi: Pi) -> None:
        self.moves: list[Move] = []
        self.hardware: Hardware = pi.body()
        self.pilot = Pilot(self.hardware, pi.clock, interlocks=Interlocks(), listeners=[self.moves.append])

    async def begin(self, pi: Pi) -> None:
        await read_all(self.hardware, Sense.TEMP_C)
        await self.pilot.wake()
        await self.pilot.order(Order.START_CLEANING, {})
        pi.open(DOCK)
        await self.pilot.tick()
        assert self.pilot.state is State.RUNNING


@pytest.mark.parametrize(
    ("chip", "state", "words"),
    [
        ("adc", State.RETURNING, "the water sensor does not answer"),
        ("meter", State.RETURNING, "the battery sensor does not answer"),
        ("feeler", State.FAULT, "the tilt sensor does not answer"),
    ],
)
async def test_a_sensor_gone_in_mid_run_ends_the_run(pi: Pi, chip: str, state: State, words: str) -> None:
    cleaning = Cleaning(pi)
    await cleaning.begin(pi)
    getattr(pi, chip).silent = True
    pi.clock.advance(1)
    await cleaning.pilot.tick()
    assert cleaning.pilot.state is state
    assert cleaning.moves[-1].words == words
    assert pi.level(BRUSH) == pi.level(PUMP) == pi.level(FORWARD) == 0
    assert pi.level(BACKWARD) == (0.5 if state is State.RETURNING else 0)


async def test_a_bus_gone_in_mid_run_is_a_fault(pi: Pi) -> None:
    cleaning = Cleaning(pi)
    await cleaning.begin(pi)
    pi.i2c.dead = True
    await cleaning.pilot.tick()
    assert cleaning.pilot.state is State.FAULT
    assert pi.still
    assert "no chip answers" in cleaning.moves[-1].words


async def test_the_button_and_the_way_out_of_it(pi: Pi) -> None:
    cleaning = Cleaning(pi)
    await cleaning.begin(pi)
    pi.open(BUTTON)
    assert pi.still
    await cleaning.pilot.tick()
    assert cleaning.pilot.state is State.EMERGENCY_STOP
    with pytest.raises(Rejected, match="release it first"):
        await cleaning.pilot.order(Order.RESET, {})
    pi.close(BUTTON)
    assert await cleaning.pilot.order(Order.RESET, {}) is State.IDLE
    assert await cleaning.pilot.order(Order.RETURN_TO_DOCK, {}) is State.RETURNING
    assert pi.level(BACKWARD) == 0.5


async def test_nothing_turns_after_the_program(pi: Pi) -> None:
    cleaning = Cleaning(pi)
    await cleaning.begin(pi)
    await cleaning.pilot.rest()
    assert pi.still


async def test_a_thermometer_pulled_off_costs_its_value_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pi = Pi(tmp_path, sensors={sense: SENSORS[sense] for sense in ("battery_v", "temp_c")})
    hardware = pi.body()
    assert Sense.TEMP_C in hardware.senses
    pi.w1_file.unlink()
    async with asyncio.timeout(10):
        while "the sensor temp_c says nothing" not in caplog.text:
            reading = await hardware.sensors.read()
            assert (reading.temp_c, reading.battery_v is None) == (None, False)
    pi.pins.reset()
