"""The server's time on a computer whose clock is wrong."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.app.net.server_clock import DATE_IS_BEHIND_S, ServerClock, read_ms

NOW_S = 1_800_000_000.0


class World:
    def __init__(self, wrong_by_s: float) -> None:
        self.passed_s = 0.0
        self.clock = ServerClock(monotonic=lambda: self.passed_s, wall=lambda: NOW_S + wrong_by_s)

    @property
    def now_s(self) -> float:
        return NOW_S + self.passed_s


@given(
    st.floats(-1e7, 1e7),
    st.lists(st.tuples(st.booleans(), st.floats(0, 3), st.floats(0, 20)), min_size=1, max_size=20),
)
def test_it_is_never_ahead_and_as_near_as_the_quickest_word(
    wrong_by_s: float, words: list[tuple[bool, float, float]]
) -> None:
    world = World(wrong_by_s)
    nearest_s = float("inf")
    for is_date, way_s, then_s in words:
        asked_s = world.passed_s
        said_s = world.now_s
        world.passed_s += way_s
        if is_date:
            world.clock.told_date(formatdate(said_s, usegmt=True), asked_s=asked_s)
            nearest_s = min(nearest_s, way_s + 1)
        else:
            world.clock.told_ms(int(said_s * 1000))
            nearest_s = min(nearest_s, way_s + 0.001)
        assert -nearest_s - 0.01 <= world.clock.now_s() - world.now_s <= 0.01
        world.passed_s += then_s


def test_a_server_whose_clock_was_set_back_is_believed() -> None:
    world = World(0)
    world.clock.told_ms(int((NOW_S + 3600) * 1000))
    world.clock.told_date(formatdate(NOW_S, usegmt=True), asked_s=0.0)
    assert abs(world.clock.now_s() - NOW_S) <= DATE_IS_BEHIND_S


def test_a_computer_that_slept_is_right_again_with_the_next_word() -> None:
    world = World(0)
    world.clock.told_ms(int(NOW_S * 1000))
    world.clock.told_ms(int((NOW_S + 3600) * 1000))
    assert world.clock.now_s() == NOW_S + 3600


def test_until_then_the_computers_own_is_taken() -> None:
    world = World(-30)
    world.clock.told_date("tomorrow", asked_s=0.0)
    world.clock.told_date(None, asked_s=0.0)
    assert world.clock.now_s() == NOW_S - 30


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2027-01-15T08:00:00.250Z", 1_800_000_000_250),
        ("2027-01-15T10:00:00+02:00", 1_800_000_000_000),
        ("2027-01-15T08:00:00", 1_800_000_000_000),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_instants(text: str | None, at_ms: int | None) -> None:
    assert read_ms(text) == at_ms
