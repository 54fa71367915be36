"""What companies may say of their commands, and what holds then."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json, to_builtins
from pydantic import ValidationError

from sunsweep.contract.commands import STOP_RANK, Order, is_stop_like
from sunsweep.contract.parameters import Kind, Parameter, schema
from sunsweep.server.errors import InvalidError
from sunsweep.server.features.catalogue.shapes import CommandShape, ModelWish
from sunsweep.server.features.catalogue.table import (
    OwnCommand,
    all_known,
    check_order,
    check_own,
    decoded,
    effects_for,
    encoded,
    known,
)

POLISH = OwnCommand("Polish the glass", {"rounds": Parameter(Kind.INTEGER, 1, 3, required=True)}, ("Polishing",))


def refusal(command: str, params: dict[str, Any], own: dict[str, OwnCommand], *, custom: bool = False) -> str | None:
    try:
        check_order(command, params, own, custom=custom)
    except InvalidError as error:
        return str(error.fields["field"])
    return None


def own_refusal(**own: OwnCommand) -> str | None:
    try:
        check_own(own)
    except InvalidError as error:
        return str(error.fields["field"])
    return None


def test_a_command_of_one_s_own_is_known_beside_the_built_in_ones() -> None:
    assert [*all_known({"polish": POLISH})] == [*map(str, Order), "polish"]
    assert refusal("polish", {"rounds": 2}, {"polish": POLISH}) is None
    assert refusal("polish", {"rounds": 4}, {"polish": POLISH}) == "params.rounds"
    assert refusal("polish", {}, {"polish": POLISH}) == "params.rounds"
    assert refusal("polish", {"rounds": 2}, {}) == "command"


def test_what_is_not_said_of_a_built_in_command_stays() -> None:
    own = {"start_cleaning": OwnCommand(proved_by=("On",))}
    found, built_in = known("start_cleaning", own), known("start_cleaning", {})
    assert found is not None
    assert built_in is not None
    assert (found.params, found.description, found.built_in) == (built_in.params, built_in.description, True)
    assert found.proved_by == ("On",)
    faster = {"start_cleaning": OwnCommand(params={"speed": Parameter(Kind.INTEGER, 1, 20)})}
    assert refusal("start_cleaning", {"speed": 15}, faster) is None
    assert refusal("start_cleaning", {"mode": "auto"}, faster) == "params.mode", "what is said is all there is"


def test_custom_commands_pass_and_known_ones_stay_checked() -> None:
    own = {"polish": POLISH}
    assert refusal("dance", {"anything": [1, {}]}, own, custom=True) is None
    assert refusal("polish", {"rounds": 4}, own, custom=True) == "params.rounds"
    assert refusal("start_cleaning", {"speed": 11}, own, custom=True) == "params.speed"


def test_effects_are_the_built_in_ones_command_by_command() -> None:
    proofs = effects_for({"polish": POLISH, "start_cleaning": OwnCommand(proved_by=()), "pause": OwnCommand("x")})
    assert proofs.proves("polish", status="POLISHING", before="Idle")
    assert not proofs.knows("start_cleaning")
    assert proofs.proves("pause", status="Paused", before="Running")
    assert proofs.proves("stop_cleaning", status="Idle", before=None)


@pytest.mark.parametrize("stop", STOP_RANK)
def test_a_stop_never_needs_a_parameter(stop: str) -> None:
    gently = Parameter(Kind.BOOLEAN)
    assert own_refusal(**{stop: OwnCommand(params={"gently": gently})}) is None
    needed = Parameter(Kind.BOOLEAN, required=True)
    assert own_refusal(**{stop: OwnCommand(params={"gently": needed})}) == f"commands.{stop}"


@pytest.mark.parametrize("stop", STOP_RANK)
def test_no_state_proves_a_stop_and_a_start(stop: str) -> None:
    where = f"commands.{stop}.proved_by"
    assert own_refusal(**{stop: OwnCommand(proved_by=("Idle", "running"))}) == where
    both = {stop: OwnCommand(proved_by=("On",)), "start_cleaning": OwnCommand(proved_by=("on",))}
    assert own_refusal(**both) == where
    assert own_refusal(**(both | {"start_cleaning": OwnCommand(proved_by=("Off",))})) is None


@pytest.mark.parametrize("state", ["offline", "OFFLINE ", " ", "--"])
def test_what_says_nothing_proves_nothing(state: str) -> None:
    assert own_refusal(polish=OwnCommand(proved_by=(state,))) == "commands.polish.proved_by"


def test_what_a_company_says_is_bounded() -> None:
    many = {f"c{number}": OwnCommand("x" * 200) for number in range(64)}
    assert decoded(encoded(many)) == many
    words = {f"p{number}": Parameter(Kind.BOOLEAN, description="x" * 200) for number in range(32)}
    with pytest.raises(InvalidError, match="65536 bytes"):
        encoded({name: OwnCommand(params=words) for name in many})


def wish(commands: Any) -> ModelWish:
    return ModelWish.model_validate_json(json.encode({"commands": commands}))


@pytest.mark.parametrize(
    ("shape", "where"),
    [
        ({"type": "list"}, "type"),
        ({}, "type"),
        ({"type": "integer", "minimum": "1"}, "minimum"),
        ({"type": "integer", "minimum": True}, "minimum"),
        ({"type": "integer", "minimum": 1e13}, "minimum"),
        ({"type": "integer", "maximum": 1.5}, ""),
        ({"type": "number", "minimum": 2, "maximum": 1}, ""),
        ({"type": "text", "minimum": 2}, ""),
        ({"type": "boolean", "choices": ["a"]}, ""),
        ({"type": "text", "choices": [""]}, "choices"),
        ({"type": "text", "choices": ["a"] * 65}, "choices"),
        ({"type": "text", "required": "yes"}, "required"),
        ({"type": "text", "unit": "x" * 17}, "unit"),
        ({"type": "text", "values": []}, "values"),
    ],
)
def test_what_is_no_parameter_is_named(shape: Any, where: str) -> None:
    with pytest.raises(ValidationError) as told:
        wish({"polish": {"params": {"rounds": shape}}})
    place = [str(step) for step in told.value.errors()[0]["loc"]]
    assert place[:4] == ["commands", "polish", "params", "rounds"]
    assert where in ("", *place[4:])


@pytest.mark.parametrize(
    "commands",
    [
        {"start cleaning": {}},
        {"x\n": {}},
        {"x" * 65: {}},
        {f"c{number}": {} for number in range(65)},
        {"x": {"params": {"a b": {"type": "text"}}}},
        {"x": {"params": {f"p{number}": {"type": "text"} for number in range(33)}}},
        {"x": {"proved_by": ["x" * 65]}},
        {"x": {"proved_by": ["x"] * 17}},
        {"x": {"rank": 3}},
        {"x": None},
        [],
    ],
)
def test_what_is_no_table_is_refused(commands: Any) -> None:
    with pytest.raises(ValidationError):
        wish(commands)


BOUNDS = st.none() | st.integers(-9, 9) | st.floats(-9, 9)
SHAPES = st.fixed_dictionaries(
    {"type": st.sampled_from([str(kind) for kind in Kind])},
    optional={
        "minimum": BOUNDS,
        "maximum": BOUNDS,
        "choices": st.lists(st.sampled_from(["a", "b"]), max_size=2),
        "required": st.booleans(),
        "unit": st.sampled_from(["V", ""]),
    },
)
NAMES = st.sampled_from([*map(str, Order), "polish", "wax"])
STATES = st.lists(st.sampled_from(["Idle", "Running", "On", "offline", ""]), max_size=2)
COMMANDS = st.fixed_dictionaries(
    {}, optional={"params": st.none() | st.dictionaries(st.sampled_from("ab"), SHAPES), "proved_by": st.none() | STATES}
)
PARAMS = st.dictionaries(st.sampled_from("abc"), st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from("ab"))


@given(st.dictionaries(NAMES, COMMANDS, max_size=4), NAMES, PARAMS)
def test_whatever_a_company_says_is_kept_and_judges_as_its_schema(
    commands: dict[str, Any], name: str, params: dict[str, Any]
) -> None:
    try:
        own = wish(commands).own()
        check_own(own)
    except (ValidationError, InvalidError):
        return
    assert decoded(encoded(own)) == own
    assert {key: CommandShape.model_validate(to_builtins(one)).own() for key, one in own.items()} == own
    proofs, found = effects_for(own), known(name, own)
    working = proofs.proved_by["start_cleaning"] | proofs.proved_by["resume"]
    assert not any(working & proofs.proved_by[stop] for stop in STOP_RANK)
    if found is None:
        assert refusal(name, params, own) == "command"
        return
    assert (refusal(name, params, own) is None) == jsonschema.Draft202012Validator(schema(found.params)).is_valid(
        params
    )
    assert not is_stop_like(name) or refusal(name, {}, own) is None
