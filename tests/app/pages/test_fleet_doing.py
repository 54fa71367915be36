"""The line under a machine's state."""

from typing import Any

from sunsweep.app.live.attention import attention
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.look.mark import state_text
from sunsweep.app.pages.fleet.doing import doing
from tests.app.live.rows import NOW_MS, iso, online, row

AT = iso(NOW_MS - 5_000)


def said(status: str, *, command: dict[str, Any] | None = None, **current: Any) -> tuple[str, str]:
    machine = MachineNow("M-1", lambda: NOW_MS)
    told = row(current=online(status=status, ts=AT, **current), last_command=command)
    machine.take_row(told, asked_ms=NOW_MS)
    found = attention(machine, NOW_MS)
    return state_text(found), doing(machine, found, NOW_MS).replace("\N{NO-BREAK SPACE}", " ")


def command(name: str, state: str) -> dict[str, Any]:
    return {"id": "018f0000-0000-7000-8000-000000000001", "command": name, "state": state, "at": AT, "reason": None}


def test_a_run_tells_how_far_it_has_come() -> None:
    assert said("Running", area=120.0) == ("Working", "120 m² so far")
    assert said("Running", area=120.0, command=command("start_cleaning", "running")) == ("Working", "120 m² so far")


def test_an_open_command_is_named() -> None:
    assert said("Charging", command=command("start_cleaning", "queued")) == ("Charging", "Start cleaning: Waiting")
    assert said("Charging", command=command("start_cleaning", "succeeded")) == ("Charging", "")


def test_what_is_low_is_named_with_its_value() -> None:
    sample = {"ts": AT, "battery": 12.4, "extra": {}}
    assert said("Running", telemetry=sample, area=3.0) == ("Working, battery low", "12.4 V · 3 m² so far")


def test_a_word_that_only_its_people_know_stands_as_it_came() -> None:
    assert said("polishing") == ("polishing", "")


def test_trouble_tells_since_when() -> None:
    state, line = said("Fault")
    assert state == "Fault"
    assert line.startswith("since ")
