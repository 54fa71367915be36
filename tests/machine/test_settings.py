"""What may be set from afar, and how it is kept over restarts."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from sunsweep.contract.built_in import INTERVALS, LIMITS, PARAMETERS
from sunsweep.contract.commands import Order
from sunsweep.contract.parameters import BadParameter, Parameters
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.ports import Mode
from sunsweep.machine.remote_settings import FILE, RemoteSettings
from sunsweep.machine.settings import changed_by, values, with_changes
from tests.machine.conftest import config_for

SETTABLE: Parameters = {**INTERVALS, **LIMITS}
CONFIG = replace(config_for("mqtt://broker.invalid"), telemetry_interval_s=30.0)


def with_limits(**limits: float) -> MachineConfig:
    return replace(CONFIG, limits=Interlocks(**limits))


async def configure(settings: RemoteSettings, **params: Any) -> dict[str, Any]:
    settings.set(params)
    return await settings.keep()


def refused(file: MachineConfig, params: dict[str, Any], before: dict[str, float] | None = None) -> tuple[str, str]:
    with pytest.raises(BadParameter) as told:
        changed_by(file, before or {}, params)
    return told.value.field, str(told.value)


def test_the_table_names_just_what_the_file_has() -> None:
    assert set(LIMITS) == set(asdict(Interlocks()))
    assert set(INTERVALS) <= set(MachineConfig.__struct_fields__)
    assert all(LIMITS[name].allows(value) for name, value in asdict(Interlocks()).items())
    assert PARAMETERS[Order.START_CLEANING]["mode"].choices == tuple(Mode)


def test_the_manual_has_the_table() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "machine.md").read_text()
    for name, one in SETTABLE.items():
        assert (
            f"| `{name}` | {one.minimum} | {one.maximum} | {one.unit.replace('°', 'degrees').replace('degreesC', '°C')}"
            in manual
        )


def test_what_is_set_lies_over_the_file_and_the_rest_stays() -> None:
    changes = changed_by(CONFIG, {"start_temp_c": 60}, {"telemetry_interval_s": 5, "start_battery_v": 13.2})
    assert changes == {"start_temp_c": 60, "telemetry_interval_s": 5, "start_battery_v": 13.2}
    in_force = with_changes(CONFIG, changes)
    assert in_force.telemetry_interval_s == 5
    assert in_force.limits == Interlocks(start_temp_c=60, start_battery_v=13.2)
    assert replace(in_force, telemetry_interval_s=30.0, limits=Interlocks()) == CONFIG


def test_defaults_leads_back_to_the_file() -> None:
    before = {"start_temp_c": 60.0, "telemetry_interval_s": 5.0}
    assert changed_by(CONFIG, before, {"defaults": True}) == {}
    assert changed_by(CONFIG, before, {"defaults": True, "heartbeat_interval_s": 20}) == {"heartbeat_interval_s": 20}
    assert changed_by(CONFIG, before, {"defaults": False}) == before


def test_what_is_out_of_range_is_refused_by_its_name() -> None:
    assert refused(CONFIG, {"telemetry_interval_s": 4}) == (
        "telemetry_interval_s",
        "telemetry_interval_s is 4; it must be a number from 5 to 3600 s",
    )
    assert refused(CONFIG, {"start_battery_v": 11})[0] == "start_battery_v"
    assert refused(CONFIG, {"speed": 5})[0] == "speed"
    assert refused(CONFIG, {"run_temp_c": None})[0] == "run_temp_c"


def test_what_starts_may_also_go_on() -> None:
    assert refused(CONFIG, {"run_battery_v": 13.5}) == (
        "run_battery_v",
        "run_battery_v is 13.5; it may not be above start_battery_v, which is 13",
    )
    assert refused(CONFIG, {"start_battery_v": 12.2}) == (
        "start_battery_v",
        "start_battery_v is 12.2; it may not be below run_battery_v, which is 12.5",
    )
    assert refused(CONFIG, {"run_temp_c": 70})[0] == "run_temp_c"
    assert changed_by(CONFIG, {}, {"run_temp_c": 70, "start_temp_c": 65})
    assert refused(CONFIG, {"start_water_pct": 4, "run_water_pct": 5})[0] == "run_water_pct"


def test_a_machine_of_another_voltage_keeps_its_own_limits() -> None:
    big = with_limits(start_battery_v=26.0, run_battery_v=25.0)
    field, words = refused(big, {"start_battery_v": 13.0})
    assert (field, words) == (
        "start_battery_v",
        "start_battery_v can only be changed in the machine's file, which says 26",
    )
    assert changed_by(big, {}, {"start_water_pct": 20}) == {"start_water_pct": 20}


def test_a_file_whose_limits_contradict_each_other_hinders_nothing_else() -> None:
    odd = with_limits(start_battery_v=12.5, run_battery_v=13.0)
    assert changed_by(odd, {}, {"telemetry_interval_s": 10}) == {"telemetry_interval_s": 10}
    assert refused(odd, {"run_battery_v": 12.8})[0] == "run_battery_v"


ANYTHING = st.dictionaries(
    st.sampled_from([*INTERVALS, *LIMITS, "defaults", "speed"]),
    st.none() | st.booleans() | st.integers(-5, 100) | st.floats(0, 100) | st.floats() | st.text(max_size=3),
    max_size=4,
)
GOOD = st.fixed_dictionaries(
    {},
    optional={name: st.floats(float(one.minimum or 0), float(one.maximum or 0)) for name, one in SETTABLE.items()},
)


@given(st.lists(st.one_of(ANYTHING, GOOD), max_size=5))
def test_whatever_is_asked_the_limits_in_force_are_safe(asked: list[dict[str, Any]]) -> None:
    changes: dict[str, float] = {}
    for params in asked:
        with suppress(BadParameter):
            changes = changed_by(CONFIG, changes, params)
    limits = with_changes(CONFIG, changes).limits
    assert all(LIMITS[name].allows(value) for name, value in asdict(limits).items())
    assert limits.run_battery_v <= limits.start_battery_v
    assert limits.run_water_pct <= limits.start_water_pct
    assert limits.start_temp_c <= limits.run_temp_c


@given(GOOD)
def test_whatever_may_be_set_is_found_again_after_a_restart(tmp_path_factory: Any, params: dict[str, float]) -> None:
    config = replace(CONFIG, state_dir=str(tmp_path_factory.mktemp("state")))
    first = RemoteSettings(config)
    try:
        told = asyncio.run(configure(first, **params))
    except BadParameter:
        return
    again = RemoteSettings(config)
    assert told == {"in_force": values(again.in_force), "kept": True}
    assert again.changes == params


async def test_what_was_set_outlives_the_program_and_the_file_s_changes(tmp_path: Path) -> None:
    config = replace(CONFIG, state_dir=str(tmp_path / "new" / "state"))
    await configure(RemoteSettings(config), start_water_pct=30)
    later = RemoteSettings(replace(config, telemetry_interval_s=45.0)).in_force
    assert (later.telemetry_interval_s, later.limits.start_water_pct) == (45, 30)


async def test_back_to_the_file_is_kept_too(tmp_path: Path) -> None:
    config = replace(CONFIG, state_dir=str(tmp_path))
    await configure(RemoteSettings(config), start_water_pct=30)
    await configure(RemoteSettings(config), defaults=True)
    assert RemoteSettings(config).changes == {}


async def test_asking_sets_nothing_and_writes_nothing(tmp_path: Path) -> None:
    settings = RemoteSettings(replace(CONFIG, state_dir=str(tmp_path)))
    told = await configure(settings)
    assert told["in_force"] == values(CONFIG)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state_dir", [None, "/proc/nowhere"])
async def test_what_cannot_be_kept_is_in_force_and_says_so(state_dir: str | None) -> None:
    settings = RemoteSettings(replace(CONFIG, state_dir=state_dir))
    assert (await configure(settings, start_water_pct=30))["kept"] is False
    assert settings.in_force.limits.start_water_pct == 30
    assert (await configure(settings))["kept"] is False


async def test_another_machine_s_settings_are_not_ours(tmp_path: Path) -> None:
    config = replace(CONFIG, state_dir=str(tmp_path))
    await configure(RemoteSettings(config), start_water_pct=30)
    assert RemoteSettings(replace(config, machine_id="scm-2")).changes == {}
    assert RemoteSettings(replace(config, company_id=2)).changes == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"company_id":1,"machine_id":"scm-1","settings":{"a":"b"}}',
        b'{"company_id":1,"machine_id":"scm-1","settings":{"heartbeat\xe9interval_s":20}}',
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_a_damaged_file_leaves_the_machine_s_own(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert RemoteSettings(replace(CONFIG, state_dir=str(tmp_path))).changes == {}
    assert "cannot be read" in caplog.text


async def test_what_may_not_be_any_more_is_dropped_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = replace(CONFIG, state_dir=str(tmp_path))
    await configure(RemoteSettings(config), start_battery_v=13.2, start_water_pct=30)
    stricter = replace(config, limits=Interlocks(run_battery_v=13.4, start_battery_v=13.6))
    assert RemoteSettings(stricter).changes == {"start_water_pct": 30}
    assert "start_battery_v is 13.2" in caplog.text
