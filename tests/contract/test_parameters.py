"""What parameters allow: each refusal names field, value and rule, and JSON Schema says the same."""

import json
from math import isfinite
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.contract.built_in import DESCRIPTIONS, LIMITS, PARAMETERS
from sunsweep.contract.commands import STOP_RANK, Order
from sunsweep.contract.parameters import MAX_TEXT_CHARS, BadParameter, Kind, Parameter, Parameters, check, schema

SPEED = Parameter(Kind.INTEGER, minimum=1, maximum=10)
EVERYTHING: Parameters = {
    "speed": SPEED,
    "volts": Parameter(Kind.NUMBER, minimum=12.5, unit="V"),
    "depth": Parameter(Kind.NUMBER, maximum=-1),
    "any": Parameter(Kind.INTEGER),
    "wet": Parameter(Kind.BOOLEAN),
    "mode": Parameter(Kind.TEXT, choices=("auto", "edge")),
    "note": Parameter(Kind.TEXT, required=True),
}


def refusal(params: dict[str, Any], known: Parameters = EVERYTHING) -> tuple[str, str] | None:
    try:
        check(known, params, command="polish")
    except BadParameter as error:
        return error.field, str(error)
    return None


@pytest.mark.parametrize(
    "params",
    [
        {"note": ""},
        {"note": "ä" * MAX_TEXT_CHARS, "speed": 1, "volts": 12.5, "depth": -1, "any": 10**30, "wet": False},
        {"note": "x", "speed": 10, "volts": 13, "depth": -1.5, "any": -3, "wet": True, "mode": "edge"},
        {"note": "x", "speed": 5.0},
    ],
)
def test_what_is_within_the_limits_passes(params: dict[str, Any]) -> None:
    assert refusal(params) is None


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"speed": 11}, "speed is 11; it must be a whole number from 1 to 10"),
        ({"speed": 0}, "speed is 0; it must be a whole number from 1 to 10"),
        ({"speed": 5.5}, "speed is 5.5; it must be a whole number from 1 to 10"),
        ({"speed": "5"}, 'speed is "5"; it must be a whole number from 1 to 10'),
        ({"speed": True}, "speed is true; it must be a whole number from 1 to 10"),
        ({"speed": None}, "speed is null; it must be a whole number from 1 to 10"),
        ({"speed": [5]}, "speed is [5]; it must be a whole number from 1 to 10"),
        ({"speed": float("nan")}, "speed is NaN; it must be a whole number from 1 to 10"),
        ({"volts": 12.4}, "volts is 12.4; it must be a number of at least 12.5 V"),
        ({"volts": float("inf")}, "volts is Infinity; it must be a number of at least 12.5 V"),
        ({"depth": 0}, "depth is 0; it must be a number of at most -1"),
        ({"any": 0.5}, "any is 0.5; it must be a whole number"),
        ({"wet": 1}, "wet is 1; it must be true or false"),
        ({"wet": "true"}, 'wet is "true"; it must be true or false'),
        ({"mode": "fly"}, 'mode is "fly"; it must be one of auto, edge'),
        ({"mode": {"a": 1}}, 'mode is {"a": 1}; it must be one of auto, edge'),
        ({"note": 1}, "note is 1; it must be text of up to 256 characters"),
        ({"note": "x" * 257}, f'note is "{"x" * 59}…; it must be text of up to 256 characters'),
        ({"fast": 1}, "fast is not known: polish takes speed, volts, depth, any, wet, mode, note"),
        ({}, "note is missing; it must be text of up to 256 characters"),
    ],
)
def test_a_refusal_names_field_value_and_rule(params: dict[str, Any], words: str) -> None:
    others = {} if "note" in params or not params else {"note": ""}
    assert refusal({**others, **params}) == (words.split(maxsplit=1)[0], words)


def test_a_command_without_parameters_says_so() -> None:
    assert refusal({"speed": 1}, {}) == ("speed", "speed is not known: polish takes no parameters")


LEAVES = st.none() | st.booleans() | st.integers(-20, 20) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = LEAVES | st.sampled_from(["auto", "edge", "5", 5.0, 1e300, 10**40, -1.0]) | st.lists(LEAVES, max_size=2)
NUMBERS = st.integers(-30, 30) | st.floats(-30, 30)


@st.composite
def parameters(draw: st.DrawFn) -> Parameter:
    kind, required = draw(st.sampled_from(list(Kind))), draw(st.booleans())
    if kind is Kind.TEXT:
        choices = draw(st.lists(st.sampled_from(["auto", "edge", "5"]), max_size=2, unique=True))
        return Parameter(kind, choices=tuple(choices), required=required)
    if kind is Kind.BOOLEAN:
        return Parameter(kind, required=required)
    bounds = st.integers(-30, 30) if kind is Kind.INTEGER else NUMBERS
    low, high = sorted([draw(bounds), draw(bounds)])
    return Parameter(kind, draw(st.sampled_from([None, low])), draw(st.sampled_from([None, high])), required=required)


TABLES = st.dictionaries(st.sampled_from("abc"), parameters())
GIVEN = st.dictionaries(st.sampled_from("abcd"), VALUES)


@given(TABLES, GIVEN)
def test_what_is_allowed_is_what_json_schema_allows(known: Parameters, params: dict[str, Any]) -> None:
    """Nothing invalid passes, and nothing valid is refused, as somebody else reads the same table."""
    judge = jsonschema.Draft202012Validator(schema(known))
    assert (refusal(params, known) is None) == judge.is_valid(params)


@given(GIVEN)
def test_what_a_machine_is_told_is_what_was_checked(params: dict[str, Any]) -> None:
    """A value means the same before and after the wire."""
    known = dict.fromkeys("abcd", Parameter(Kind.NUMBER, -30, 30))
    sent = json.loads(json.dumps(params))
    assert refusal(sent, known) == refusal(params, known)
    if refusal(sent, known) is None:
        assert all(isfinite(value) and not isinstance(value, bool) for value in sent.values())


def test_every_command_says_what_it_takes_and_what_it_does() -> None:
    assert set(PARAMETERS) == set(DESCRIPTIONS) == set(Order)
    for order, known in PARAMETERS.items():
        jsonschema.Draft202012Validator.check_schema(schema(known))
        assert refusal({}, known) is None, f"{order} goes without parameters"
    assert not any(PARAMETERS[Order(stop)] for stop in STOP_RANK)


def test_every_limit_has_two_ends_and_a_unit() -> None:
    assert all(limit.minimum is not None and limit.maximum is not None and limit.unit for limit in LIMITS.values())


@pytest.mark.parametrize("params", [{"speed": 5, "mode": "auto"}, {}, {"speed": 10}, {"mode": "manual"}])
def test_the_customer_s_own_start_passes(params: dict[str, Any]) -> None:
    assert refusal(params, PARAMETERS[Order.START_CLEANING]) is None
