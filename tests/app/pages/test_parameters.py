"""A catalogue's schema as a form, and what a filled form sends."""

import pytest

from sunsweep.app import words
from sunsweep.app.look.parameter_words import CHOICES, DESCRIPTIONS, NAMES, params_words
from sunsweep.app.parameters import NO, YES, Field, FieldKind, fields, read
from sunsweep.contract.built_in import PARAMETERS
from sunsweep.contract.commands import Order
from sunsweep.contract.parameters import check, schema

START = fields(schema(PARAMETERS[Order.START_CLEANING]))
CONFIGURE = fields(schema(PARAMETERS[Order.CONFIGURE]))


def test_a_form_has_a_field_for_each_parameter() -> None:
    speed, mode = START
    assert (speed.name, speed.kind, speed.limits) == ("speed", FieldKind.INTEGER, "1 to 10")
    assert (mode.kind, mode.choices) == (FieldKind.CHOICE, ("auto", "manual", "edge"))
    assert {field.kind for field in CONFIGURE} == {FieldKind.NUMBER, FieldKind.BOOLEAN}
    assert CONFIGURE[2].limits == "12 to 14.4\N{NO-BREAK SPACE}V"


def test_what_is_left_empty_is_left_out() -> None:
    assert read(START, {}).params == {}
    needed = Field("row", FieldKind.TEXT, required=True)
    assert read([needed], {"row": "  "}).faults == {"row": "This is needed"}


def test_what_a_form_sends_is_what_the_contract_takes() -> None:
    found = read(START, {"speed": " 7 ", "mode": "edge"})
    assert found.params == {"speed": 7, "mode": "edge"}
    assert isinstance(found.params["speed"], int)
    check(PARAMETERS[Order.START_CLEANING], found.params, command=Order.START_CLEANING)
    found = read(CONFIGURE, {"start_battery_v": "12.5", "defaults": YES, "telemetry_interval_s": "60"})
    assert found.params == {"start_battery_v": 12.5, "defaults": True, "telemetry_interval_s": 60}
    check(PARAMETERS[Order.CONFIGURE], found.params, command=Order.CONFIGURE)
    assert read(CONFIGURE, {"defaults": NO}).params == {"defaults": False}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("0", "This must be 1 to 10"),
        ("11", "This must be 1 to 10"),
        ("5.5", "This must be a whole number"),
        ("fast", "This is no number"),
        ("1,000", "This is no number"),
        ("nan", "This is no number"),
        ("1e1", "This is no number"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(typed: str, said: str) -> None:
    assert read(START, {"speed": typed}).faults == {"speed": said}


def test_open_limits_and_long_texts() -> None:
    low = Field("depth", FieldKind.NUMBER, minimum=2, unit="mm")
    assert low.limits == "at least 2\N{NO-BREAK SPACE}mm"
    assert Field("depth", FieldKind.NUMBER, maximum=-1.5).limits == "at most -1.5"
    assert read([low], {"depth": "1"}).faults == {"depth": "This must be at least 2\N{NO-BREAK SPACE}mm"}
    text = Field("note", FieldKind.TEXT, max_chars=3)
    assert read([text], {"note": "four"}).faults == {"note": "At most 3 characters"}
    assert read([text], {"note": "abc"}).params == {"note": "abc"}


def test_a_number_may_have_the_mark_of_the_language() -> None:
    words.use("es")
    assert read(CONFIGURE, {"start_battery_v": "12,5"}).params == {"start_battery_v": 12.5}
    assert read(CONFIGURE, {"start_battery_v": "12.5"}).params == {"start_battery_v": 12.5}


def test_what_every_machine_takes_has_words() -> None:
    known = {name: one for parameters in PARAMETERS.values() for name, one in parameters.items()}
    assert set(NAMES) == set(known)
    assert set(DESCRIPTIONS) == {one.description for one in known.values()}
    assert set(CHOICES) == {choice for one in known.values() for choice in one.choices}


def test_what_was_given_in_one_line() -> None:
    assert params_words({"speed": 7, "mode": "edge"}) == "Speed 7 · Way of cleaning Edges only"
    assert params_words({"start_battery_v": 12.5, "defaults": True}, {"start_battery_v": "V"}) == (
        "Battery to start 12.5\N{NO-BREAK SPACE}V · Back to the machine's own settings yes"
    )
