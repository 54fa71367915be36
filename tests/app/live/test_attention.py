"""Which state a machine is shown in, and whether somebody has to look."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.app.live.attention import (
    LOW_BATTERY_V,
    LOW_WATER_PCT,
    STOP_GRACE_MS,
    USUAL_OFFLINE_MS,
    attention,
    shown_status,
)
from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.live.machine import MachineNow
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.states import State
from sunsweep.server.features.catalogue.effects import STANDING, WORKING
from tests.app.live.rows import NOW_MS, iso, online, row

STOP = {"id": "0190", "command": "stop_cleaning", "state": "sent", "since": iso(NOW_MS - STOP_GRACE_MS - 1)}


def machine(status: str | None = None, *, current: dict[str, Any] | None = None, **more: Any) -> MachineNow:
    newest = online(status=status, ts=iso(NOW_MS - 60_000), **(current or {}))
    found = MachineNow("M-1", lambda: NOW_MS)
    found.take_row(row(**{"current": newest, **more}), asked_ms=NOW_MS)
    return found


def state(status: str | None = None, **more: Any) -> AttentionState:
    return attention(machine(status, **more), NOW_MS).state


def sample(**values: float) -> dict[str, Any]:
    return {"telemetry": {**values, "ts": iso(NOW_MS - 5_000)}}


def offline(since_ms: int, cause: str = "status") -> dict[str, Any]:
    return {"presence": "offline", "presence_since": iso(since_ms), "presence_cause": cause}


@pytest.mark.parametrize("status", list(State))
def test_every_state_of_our_machine_is_known(status: State) -> None:
    assert shown_status(status) is not AttentionState.UNKNOWN
    assert shown_status(f" {status.upper()}-") is shown_status(status)


@pytest.mark.parametrize("status", [*STANDING, *WORKING])
def test_so_is_what_proves_a_bare_machines_commands(status: str) -> None:
    assert shown_status(status) is not AttentionState.UNKNOWN


def test_what_only_its_people_know_is_shown_as_it_was_said() -> None:
    found = attention(machine("Mähwerk oben"), NOW_MS)
    assert (found.state, found.said, found.needed) == (AttentionState.UNKNOWN, "Mähwerk oben", False)


def test_the_worst_comes_first() -> None:
    dead = sample(battery=11.0, water=0.5)
    worst = {"open_stop": STOP, "refused_at": iso(NOW_MS - 1000)}
    assert state("EmergencyStop", current=dead, **worst) is AttentionState.EMERGENCY_STOP
    assert state("Fault", current=dead, **worst) is AttentionState.FAULT
    assert state("Running", current=dead, **worst) is AttentionState.STOP_UNCONFIRMED
    silent = {**dead, "presence": "stale"}
    assert state("Running", current=silent, refused_at=worst["refused_at"]) is AttentionState.SILENT_WORKING
    assert state("Running", current=dead, refused_at=worst["refused_at"]) is AttentionState.LOW
    assert state("Running", refused_at=worst["refused_at"]) is AttentionState.REFUSED
    away = offline(NOW_MS - USUAL_OFFLINE_MS - 1)
    assert state("Idle", current=away, refused_at=worst["refused_at"]) is AttentionState.REFUSED
    assert state("Idle", current=away) is AttentionState.OFFLINE
    assert state("Paused", current=dead) is AttentionState.PAUSED


def test_ranks_put_those_that_need_nobody_last() -> None:
    asleep = attention(machine("Docked", current=offline(NOW_MS - 3_600_000)), NOW_MS)
    missing = attention(machine("Docked", current=offline(NOW_MS - USUAL_OFFLINE_MS - 1)), NOW_MS)
    working = attention(machine("Running"), NOW_MS)
    assert (asleep.needed, missing.needed, working.needed) == (False, True, False)
    assert missing.rank < asleep.rank < working.rank


def test_a_machine_that_falls_silent_at_work() -> None:
    found = machine("Running")
    assert found.heard_ms is not None
    assert attention(found, found.heard_ms + 120_000).state is AttentionState.WORKING
    late = attention(found, found.heard_ms + 120_001)
    assert (late.state, late.since_ms) == (AttentionState.SILENT_WORKING, found.heard_ms)
    assert attention(machine("Idle"), found.heard_ms + 600_000).state is AttentionState.IDLE


def test_a_will_at_work_is_known_by_the_command_also_after_a_reload() -> None:
    run = {"id": "0190", "command": "start_cleaning", "state": "running", "at": iso(NOW_MS - 600_000)}
    away = offline(NOW_MS - 60_000)
    for status in ("Running", "offline"):
        assert state(status, current=away, last_command=run) is AttentionState.SILENT_WORKING
        assert state(status, current=away, last_command={**run, "state": "succeeded"}) is AttentionState.OFFLINE


def test_a_stop_has_a_moment_to_be_confirmed_unless_nobody_can() -> None:
    fresh = {**STOP, "since": iso(NOW_MS - STOP_GRACE_MS + 1)}
    assert state("Running", open_stop=fresh) is AttentionState.WORKING
    assert state("Running", open_stop=STOP) is AttentionState.STOP_UNCONFIRMED
    assert state("Running", open_stop={**fresh, "state": "unconfirmed"}) is AttentionState.STOP_UNCONFIRMED
    found = attention(machine("Idle", current=offline(NOW_MS - 1000), open_stop=fresh), NOW_MS)
    assert (found.state, found.command, found.command_state) == (
        AttentionState.STOP_UNCONFIRMED,
        "stop_cleaning",
        "sent",
    )


def test_low_supplies_name_what_is_low() -> None:
    found = attention(machine("Running", current=sample(battery=LOW_BATTERY_V - 0.1, water=LOW_WATER_PCT)), NOW_MS)
    assert (found.state, found.battery_v, found.water_pct) == (AttentionState.LOW, LOW_BATTERY_V - 0.1, None)
    assert state("Charging", current=sample(battery=11)) is AttentionState.CHARGING
    assert state("Running", current=sample(battery=LOW_BATTERY_V)) is AttentionState.WORKING


def test_the_thresholds_warn_before_a_machine_breaks_off_by_itself() -> None:
    limits = Interlocks()
    assert limits.run_battery_v < LOW_BATTERY_V < limits.start_battery_v
    assert limits.run_water_pct < LOW_WATER_PCT <= limits.start_water_pct


def test_a_machine_that_was_taken_out_of_service_needs_nobody() -> None:
    found = attention(machine("Fault", enabled=False), NOW_MS)
    assert (found.state, found.needed) == (AttentionState.FAULT, False)


def test_a_machine_that_was_never_heard_waits_to_be_put_up() -> None:
    fresh = MachineNow("M-1", lambda: NOW_MS)
    fresh.take_row(row(), asked_ms=NOW_MS)
    found = attention(fresh, NOW_MS)
    assert (found.state, found.needed, found.since_ms) == (AttentionState.OFFLINE, False, None)


@given(st.text() | st.none(), st.integers(0, 10**9))
def test_whatever_a_machine_says_it_has_a_state(status: str | None, later_ms: int) -> None:
    found = machine()
    found.status = status
    assert attention(found, NOW_MS + later_ms).state in AttentionState
