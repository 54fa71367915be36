"""What the machine's page says of values, state and what holds starts back."""

from typing import Any

import pytest

from sunsweep.app.figures.ages import Freshness
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.pages.machine.head_words import last_words, presence_words, said_words
from sunsweep.app.pages.machine.holding import Hold, held
from sunsweep.app.pages.machine.lasting import lasting_words
from sunsweep.app.pages.machine.values import tile, tile_names
from tests.app.live.rows import NOW_MS, iso, online, row

SAMPLE = {"battery": 13.41, "solar_v": 18.26, "solar_a": 4.11, "water": 96.7, "extra": {"temp": 18.4, "door": "shut"}}


def machine(current: dict[str, Any], **more: Any) -> MachineNow:
    found = MachineNow("M-1", lambda: NOW_MS)
    found.take_row(row(current=current, **more), asked_ms=NOW_MS)
    return found


def test_every_machine_has_the_same_first_tiles_and_its_own_after_them() -> None:
    bare, full = machine({}), machine(online(telemetry={**SAMPLE, "ts": iso(NOW_MS)}, area=12.0, ts=iso(NOW_MS)))
    assert tile_names(bare) == ("battery", "power", "solar_v", "solar_a", "water")
    assert tile_names(full) == (*tile_names(bare), "temp", "run_area")


def test_a_tile_has_its_unit_and_its_age() -> None:
    found = machine(online(telemetry={**SAMPLE, "ts": iso(NOW_MS - 70_000)}))
    shown = {name: tile(found, name, NOW_MS) for name in tile_names(found)}
    assert [one.figure.replace("\N{NO-BREAK SPACE}", " ") for one in shown.values()] == [
        "13.4 V",
        "75 W",
        "18.3 V",
        "4.1 A",
        "97%",
        "18.4 °C",
    ]
    assert {one.age for one in shown.values()} == {"1 min ago"}


@pytest.mark.parametrize(
    ("back_s", "presence", "freshness"),
    [
        (119, "online", Freshness.FRESH),
        (121, "online", Freshness.LATE),
        (5, "offline", Freshness.GONE),
    ],
)
def test_an_old_value_is_never_shown_as_new(back_s: int, presence: str, freshness: Freshness) -> None:
    found = machine({**online(telemetry={**SAMPLE, "ts": iso(NOW_MS - back_s * 1000)}), "presence": presence})
    assert tile(found, "battery", NOW_MS).freshness is freshness


def test_what_was_never_measured_says_so() -> None:
    shown = tile(machine({}), "battery", NOW_MS)
    assert (shown.figure, shown.age, shown.freshness) == ("–", "No value yet", Freshness.GONE)


def test_the_head_says_who_said_so() -> None:
    found = machine(online(status="Idle", ts=iso(NOW_MS - 60_000)))
    assert said_words(found, "Idle", NOW_MS).startswith("said the machine, ")
    assert said_words(found, "Offline", NOW_MS).startswith("Idle, said the machine, ")
    assert said_words(machine({}), "Unknown", NOW_MS) == "It has not said yet what it does"


def test_presence_is_told_with_its_cause() -> None:
    assert presence_words(machine(online()), NOW_MS) == "Online, last heard 5 s ago"
    assert presence_words(machine({}), NOW_MS) == "Never heard of yet"
    away = machine(
        online(since_ms=NOW_MS - 600_000) | {"presence": "offline", "presence_cause": "status"},
    )
    assert "its connection ended" in presence_words(away, NOW_MS)


def stop(state: str, since_ms: int) -> dict[str, Any]:
    return {
        "id": "01900000-0000-7000-8000-000000000000",
        "command": "stop_cleaning",
        "state": state,
        "since": iso(since_ms),
    }


def test_a_stop_that_is_not_confirmed_holds_starts_back() -> None:
    fresh = machine(online(), open_stop=stop("sent", NOW_MS - 1000))
    assert held(fresh, NOW_MS) is None
    late = held(fresh, NOW_MS + 5000)
    assert late is not None
    assert (late.by, late.command_id) == (Hold.STOP, stop("sent", 0)["id"])
    away = machine(online() | {"presence": "offline"}, open_stop=stop("queued", NOW_MS - 1000))
    assert held(away, NOW_MS) is not None
    assert "offline since" in last_words(away, away.open_stop, NOW_MS)


@pytest.mark.parametrize(
    ("current", "more", "by"),
    [
        (online(status="EmergencyStop", ts=iso(NOW_MS)), {}, Hold.EMERGENCY_STOP),
        (online(), {"enabled": False}, Hold.DISABLED),
    ],
)
def test_other_reasons(current: dict[str, Any], more: dict[str, Any], by: Hold) -> None:
    found = held(machine(current, **more), NOW_MS)
    assert found is not None
    assert found.by is by


def test_nothing_holds_a_healthy_machine_back() -> None:
    assert held(machine(online(status="Idle", ts=iso(NOW_MS))), NOW_MS) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(300, "5 minutes"), (3600, "1 hour"), (4 * 3600, "4 hours"), (61, "61 seconds")]
)
def test_how_long_an_order_stays_good(seconds: int, words: str) -> None:
    assert lasting_words(seconds) == words
