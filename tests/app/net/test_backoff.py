"""Waits between tries."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sunsweep.app.net.backoff import Backoff, Pace


@given(st.integers(), st.lists(st.floats(0, 600), min_size=1, max_size=60))
def test_waits_stay_within_their_bounds(seed: int, lost: list[float]) -> None:
    pace = Pace()
    backoff = Backoff(Random(seed), pace)
    for tries, lost_for_s in enumerate(sorted(lost)):
        wait_s = backoff.next_s(lost_for_s=lost_for_s)
        cap_s = pace.soon_s if lost_for_s < pace.eager_s else pace.longest_s
        assert 0 <= wait_s <= min(cap_s, pace.first_s * 2**tries)
    backoff.reset()
    assert backoff.next_s(lost_for_s=0) <= pace.first_s


def test_a_long_outage_is_asked_about_up_to_every_ten_seconds() -> None:
    backoff = Backoff(Random(1))
    waits = [backoff.next_s(lost_for_s=3600) for _ in range(200)]
    assert 9 < max(waits) <= 10
