"""Drafts, the checklist and QR codes, without a page."""

from typing import Any

import pytest

from sunsweep.app.live.machine import MachineNow
from sunsweep.app.machine_form.draft import NEW, changes, draft_of, read, take_pair
from sunsweep.app.pages.onboarding.checklist import Mark, arrivals, is_alive
from sunsweep.app.pages.onboarding.qr import QUIET_ZONE, modules, svg
from sunsweep.app.pages.settings.company_draft import company_draft, read_company
from tests.app.qr_reader import dark_units, read_qr

ROW: dict[str, Any] = {
    "machine_id": "SCM-1",
    "name": "North",
    "model": "",
    "tags": ["a", "b c"],
    "lat": 41.5,
    "lon": -2.0,
    "expected_interval_s": 30,
    "notes": "",
}
CODE = "4KXR-9WPM-T3HQ-7CDF"


def test_a_serial_is_all_that_is_needed() -> None:
    body, wrong = read(NEW | {"machine_id": " SCM-1 "})
    assert not wrong
    assert body == {
        "machine_id": "SCM-1",
        "name": "",
        "model": "",
        "tags": [],
        "lat": None,
        "lon": None,
        "expected_interval_s": 60,
    }


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"machine_id": ""}, "machine_id"),
        ({"machine_id": "SCM 1"}, "machine_id"),
        ({"machine_id": "é"}, "machine_id"),
        ({"lat": "91", "lon": "2"}, "lat"),
        ({"lat": "x", "lon": "2"}, "lat"),
        ({"lat": "nan", "lon": "2"}, "lat"),
        ({"lat": "2", "lon": "-180.1"}, "lon"),
        ({"lat": "41"}, "lon"),
        ({"lon": "41"}, "lat"),
        ({"expected_interval_s": "0"}, "expected_interval_s"),
        ({"expected_interval_s": "1.5"}, "expected_interval_s"),
        ({"expected_interval_s": ""}, "expected_interval_s"),
        ({"expected_interval_s": "86401"}, "expected_interval_s"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(typed: dict[str, str], field: str) -> None:
    _body, wrong = read(NEW | {"machine_id": "SCM-1"} | typed)
    assert wrong.keys() == {field}


def test_tags_and_figures_are_read_as_people_write_them() -> None:
    body, wrong = read(NEW | {"machine_id": "S", "tags": " north, roof 3,,north ", "lat": "41,387", "lon": " -2.17 "})
    assert not wrong
    assert (body["tags"], body["lat"], body["lon"]) == (["north", "roof 3"], 41.387, -2.17)


@pytest.mark.parametrize("text", ["41.387, -2.17", "41.387,-2.17", "41.387 -2.17", " 41.387; -2.17 "])
def test_a_place_of_a_map_fills_both_fields(text: str) -> None:
    draft = NEW | {"lat": text}
    assert take_pair(draft)
    assert (draft["lat"], draft["lon"]) == ("41.387", "-2.17")


@pytest.mark.parametrize("text", ["41,387", "41", "", "41.3", "41, 2"])
def test_one_figure_is_no_pair(text: str) -> None:
    draft = NEW | {"lat": text}
    assert not take_pair(draft)
    assert (draft["lat"], draft["lon"]) == (text, "")


def test_only_what_was_changed_is_sent() -> None:
    draft = draft_of(ROW)
    assert changes(read(draft)[0], ROW) == {}
    draft |= {"name": "South", "lat": "", "lon": "", "notes": "ladder behind the shed"}
    assert changes(read(draft)[0], ROW) == {
        "name": "South",
        "lat": None,
        "lon": None,
        "notes": "ladder behind the shed",
    }


def test_a_company_is_changed_by_what_differs() -> None:
    row = {"name": "Alpha", "raw_retention_days": None, "command_life_s": 600, "custom_commands": False}
    draft = company_draft(row)
    assert read_company(draft, row) == ({}, {})
    draft |= {"command_life_s": "", "custom_commands": True, "raw_retention_days": "30"}
    assert read_company(draft, row) == (
        {"command_life_s": None, "custom_commands": True, "raw_retention_days": 30},
        {},
    )
    assert read_company(draft | {"command_life_s": "29"}, row)[1].keys() == {"command_life_s"}
    assert read_company(draft | {"name": " "}, row)[1].keys() == {"name"}


def test_a_machine_arrives_step_by_step() -> None:
    machine = MachineNow("SCM-1", lambda: 10_000)

    def marks(enrolled_ms: int | None) -> list[Mark]:
        return [one.mark for one in arrivals(machine, enrolled_ms=enrolled_ms, since_ms=1_000)]

    assert marks(None) == [Mark.WAITING] * 4
    assert marks(2_000) == [Mark.DONE, *[Mark.WAITING] * 3]
    machine.heard_ms = machine.status_ms = 3_000
    assert marks(2_000) == [Mark.DONE, Mark.DONE, Mark.DONE, Mark.WAITING]
    assert marks(4_000) == [Mark.DONE, *[Mark.WAITING] * 3], "that was by the login of before"
    assert marks(None) == [Mark.SKIPPED, Mark.DONE, Mark.DONE, Mark.WAITING]
    machine.heard_ms = machine.sample_ms = 5_000
    assert is_alive(arrivals(machine, enrolled_ms=2_000, since_ms=1_000))
    assert not is_alive(arrivals(None, enrolled_ms=2_000, since_ms=1_000))


def test_the_qr_code_is_the_code() -> None:
    assert read_qr(modules(CODE)) == CODE


def test_its_picture_is_dark_on_light_with_a_quiet_zone() -> None:
    rows, dark = modules(CODE), dark_units(svg(CODE))
    assert dark == {
        (x + QUIET_ZONE, y + QUIET_ZONE) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark
    }
