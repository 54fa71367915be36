"""Which command may be given, whatever stops are open or in force: the pure rules."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sunsweep.contract.commands import STOP_RANK, Order
from sunsweep.server.errors import ForbiddenError
from sunsweep.server.features.commands.outcome import MAX_WAIT_S, Wait, seconds
from sunsweep.server.features.commands.rules import (
    EmergencyStopError,
    Said,
    Standing,
    StopUnconfirmedError,
    StrongerStopError,
    objection,
    says_it_is_over,
)

COMMANDS = st.sampled_from([*Order, "dance"])
STANDINGS = st.builds(Standing, st.integers(0, 3), st.booleans())
BOTH = st.booleans()


@given(COMMANDS, STANDINGS, BOTH)
def test_a_command_is_given_or_refused_for_one_of_four_reasons(command: str, standing: Standing, person: bool) -> None:  # noqa: FBT001  hypothesis gives it
    rank = STOP_RANK.get(command, 0)
    error = objection(command, standing, by_person=person)
    if standing.open_rank > rank:
        assert type(error) is (StrongerStopError if rank else StopUnconfirmedError)
    elif standing.emergency and command == Order.RESET:
        assert person is (error is None)
        assert person or type(error) is ForbiddenError
    elif standing.emergency and command != Order.EMERGENCY_STOP:
        assert type(error) is EmergencyStopError
    else:
        assert error is None


@given(STANDINGS, BOTH)
def test_an_emergency_stop_is_always_given(standing: Standing, person: bool) -> None:  # noqa: FBT001
    assert objection(Order.EMERGENCY_STOP, standing, by_person=person) is None


@given(COMMANDS, STANDINGS, BOTH)
def test_what_was_refused_is_refused_also_when_more_is_in_the_way(
    command: str,
    standing: Standing,
    person: bool,  # noqa: FBT001
) -> None:
    if objection(command, standing, by_person=person) is not None:
        for worse in (Standing(3, standing.emergency), Standing(standing.open_rank, emergency=True)):
            assert command == Order.EMERGENCY_STOP or objection(command, worse, by_person=person) is not None


@given(COMMANDS, BOTH)
def test_where_nothing_is_in_the_way_everything_is_given(command: str, person: bool) -> None:  # noqa: FBT001
    assert objection(command, Standing(), by_person=person) is None


@pytest.mark.parametrize(
    ("said", "over"),
    [
        (Said("Idle", 1001, in_session=True), True),
        (Said("Running", 1001, in_session=True), True),
        (Said("Idle", 1000, in_session=True), False),
        (Said("Idle", None, in_session=True), False),
        (Said("Idle", 1001, in_session=False), False),
        (Said("EmergencyStop", 1001, in_session=True), False),
        (Said("emergency stop", 1001, in_session=True), False),
        (Said("offline", 1001, in_session=True), False),
        (Said(None, 1001, in_session=True), False),
        (Said("", 1001, in_session=True), False),
    ],
)
def test_only_a_machine_that_answers_says_that_its_emergency_stop_is_over(said: Said, *, over: bool) -> None:
    assert says_it_is_over(said, confirmed_ms=1000) is over


@given(st.integers(0, MAX_WAIT_S), st.sampled_from(["", "s"]))
def test_seconds_to_wait_are_read(number: int, unit: str) -> None:
    assert seconds(TypeAdapter(Wait).validate_python(f"{number}{unit}")) == number


@pytest.mark.parametrize("given_", ["61", "61s", "100", "-1", "1.5", "10m", "s", "", " 10", "10s ", "١", "1\n"])
def test_what_are_no_seconds_to_wait_is_refused(given_: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Wait).validate_python(given_)
