"""Drivers by name, their options, and what is said when either is wrong."""

import asyncio
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from sunsweep.machine.config import ConfigError, MachineConfig, load_config
from sunsweep.machine.drivers.options import parse_options
from sunsweep.machine.drivers.raspberry import raspberry
from sunsweep.machine.drivers.raspberry.build import Board, build
from sunsweep.machine.drivers.raspberry.options import HardwareOptions
from sunsweep.machine.drivers.registry import driver_names
from sunsweep.machine.embody import hardware_of
from sunsweep.machine.link_watch import Then
from sunsweep.machine.ports import Activity, BadOptions, Position, Reading, Surroundings
from sunsweep.machine.sampler import telemetry_of
from tests.machine.conftest import config_for
from tests.machine.fakes import FakeClock
from tests.machine.pi import DRIVE, Pi

SURROUNDINGS = Surroundings(FakeClock(), Random(1))
MACHINE = """
broker = "mqtt://broker.example"
company_id = 1
machine_id = "scm-1"
mqtt_username = "m-abc"
mqtt_password = "secret"
"""


def config(driver: str, **hardware: Any) -> MachineConfig:
    return replace(config_for("mqtt://h"), driver=driver, hardware=hardware)


def loaded(folder: Path, text: str) -> MachineConfig:
    file = folder / "machine.toml"
    file.write_text(MACHINE + text)
    return load_config(file)


def test_ours_are_entry_points_like_any_other() -> None:
    assert {"simulated", "bench", "raspberry"} <= set(driver_names())


def test_a_third_partys_driver_needs_no_change_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_robot.py").write_text(
        "from sunsweep.machine.ports import Hardware\n"
        "def acme(options, surroundings):\n"
        "    return Hardware(options['name'], surroundings.random)\n"
    )
    info = tmp_path / "acme_robot-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-robot\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sunsweep.drivers]\nacme = acme_robot:acme\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = loaded(tmp_path, 'driver = "acme"\n[hardware]\nname = "mk 9"\n')
    body: tuple[object, ...] = hardware_of(found, SURROUNDINGS)
    assert body[:2] == ("mk 9", SURROUNDINGS.random)


def test_a_driver_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "lost_robot-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lost-robot\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sunsweep.drivers]\nlost = lost_robot:lost\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"'lost' \(lost_robot:lost\) cannot be loaded: No module named 'lost_robot'"):
        hardware_of(config("lost"), SURROUNDINGS)


def test_an_unknown_driver_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no driver 'mk9', only bench, raspberry, simulated"):
        loaded(tmp_path, 'driver = "mk9"')


def test_the_bench_supply_can_be_set() -> None:
    body = hardware_of(config("bench", volts=24.0, build={"water_l": 30.0}), SURROUNDINGS)
    reading = asyncio.run(body.sensors.read())
    assert (reading.solar_v, reading.water_pct) == (24.0, 50.0)


@pytest.mark.parametrize(
    ("driver", "hardware", "words"),
    [
        ("simulated", {"tank_l": "big"}, "Expected `float`, got `str` - at `hardware.tank_l`"),
        ("simulated", {"colour": 1}, "unknown field `colour` - at `hardware`"),
        ("bench", {"build": {"colour": 1}}, "unknown field `colour` - at `hardware.build`"),
        ("raspberry", {}, "missing required field `drive` - at `hardware`"),
        ("raspberry", {"drive": {**DRIVE, "brush": {"pin": 99}}}, "at `hardware.drive.brush.pin`"),
        ("raspberry", {"drive": DRIVE, "sensors": {"battery": {}}}, "'battery' - at `key` in `hardware.sensors`"),
        ("raspberry", {"drive": DRIVE, "sensors": {"temp_c": {"chip": "max6675"}}}, "'max6675'"),
        (
            "raspberry",
            {"drive": DRIVE, "sensors": {"temp_c": {"chip": "ina219", "address": 1, "channel": "volts"}}},
            "at `hardware.sensors",
        ),
    ],
)
def test_a_wrong_option_is_named(driver: str, hardware: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        hardware_of(config(driver, **hardware), SURROUNDINGS)
    assert words in str(refused.value)


def test_a_chip_that_measures_something_else_is_refused(tmp_path: Path) -> None:
    pi = Pi(tmp_path, sensors={"tilt_deg": {"chip": "ds18b20", "id": "28-00000a1b2c3d"}})
    with pytest.raises(BadOptions, match=r"does not measure tilt_deg - at `hardware\.sensors\.tilt_deg\.chip`"):
        pi.body()


def test_a_pin_used_twice_is_named(tmp_path: Path) -> None:
    pi = Pi(tmp_path)
    options = parse_options({"drive": {**DRIVE, "pump": {"pin": 12}}}, HardwareOptions)
    with pytest.raises(BadOptions, match=r"12.* - at `hardware\.drive`"):
        build(options, pi.clock, Board(pi.pins, pi.i2c.open))
    pi.pins.reset()


def test_missing_libraries_are_said_with_what_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smbus2", None)
    with pytest.raises(BadOptions, match=r"pip install \"sunsweep\[machine,pi\]\""):
        raspberry({"drive": DRIVE}, SURROUNDINGS)


def test_limits_and_the_rule_for_a_lost_link_stand_in_the_file(tmp_path: Path) -> None:
    found = loaded(tmp_path, '[limits]\nmax_tilt_deg = 20\n[link_lost]\ngo_on_min = 3\nthen = "stop"\n')
    assert found.limits.max_tilt_deg == 20
    assert found.limits.start_battery_v == 13
    assert (found.link_lost.go_on_min, found.link_lost.then) == (3, Then.STOP)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[limits]\nmax_tild_deg = 20", "max_tild_deg.*at `limits`"),
        ('[link_lost]\nthen = "panic"', r"'panic' - at `link_lost\.then`"),
    ],
)
def test_what_is_wrong_with_them_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        loaded(tmp_path, text)


def test_a_sample_carries_what_is_known_beside_the_four() -> None:
    seen = Reading(Activity.DOCKED, temp_c=30.5, tilt_deg=3.0, current_a=-1.5, position=Position(48.1, 11.5))
    assert telemetry_of(seen).extra == {"temp": 30.5, "tilt": 3.0, "current": -1.5, "lat": 48.1, "lon": 11.5}
    assert telemetry_of(Reading(Activity.DOCKED)).extra == {}
