"""The newest state: what is late, what is stale, who is here."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sunsweep.contract.payloads import Status, Telemetry
from sunsweep.server.features.machines import current as newest
from sunsweep.server.features.machines.current import Current, Folded, shown_status


def fold(current: Current, body: Telemetry | Status, order_ms: int) -> Folded:
    """A message of that time, received in the order of this test."""
    return newest.fold(current, body, order_ms, order_ms)


def status(word: str | None = "Running", **fields: Any) -> Status:
    return Status(word, **fields)


def test_a_later_word_wins_and_a_late_one_changes_nothing() -> None:
    current = Current(1)
    assert fold(current, status("Running"), 1000).changed
    late = fold(current, status("Idle"), 500)
    assert (late.changed, late.news) == (False, False)
    assert fold(current, status("Paused"), 1000).changed
    assert current.status == "Paused"


def test_a_status_changes_only_the_fields_it_carries() -> None:
    current = Current(1)
    fold(current, status("Running", energy=1.5, area=4.0), 1)
    fold(current, status(None, water=2.0), 2)
    assert (current.status, current.energy, current.run_water, current.area) == ("Running", 1.5, 2.0, 4.0)


def test_late_telemetry_does_not_overwrite_the_newest() -> None:
    current = Current(1)
    assert fold(current, Telemetry(battery=13.0), 2000).news
    assert not fold(current, Telemetry(battery=12.0), 1000).news
    assert (current.battery, current.telemetry_at) == (13.0, 2000)


def test_a_will_turns_it_offline_and_any_word_brings_it_back() -> None:
    current = Current(1)
    fold(current, status("Running"), 1)
    assert fold(current, status("offline"), 2).changed
    assert (current.presence, current.presence_since, shown_status(current)) == ("offline", 2, "offline")
    assert fold(current, Telemetry(), 3).changed
    assert (current.presence, shown_status(current)) == ("online", "Running")


def test_the_will_of_an_older_session_counts_for_nothing() -> None:
    current = Current(1)
    fold(current, status("Idle", session=(7, 1)), 1)
    fold(current, status("Idle", session=(7, 2)), 2)
    stale = fold(current, status("offline", session=(7, 1)), 3)
    assert (stale.news, current.presence) == (False, "online")
    assert fold(current, status("offline", session=(7, 2)), 4).changed


def test_a_boot_once_superseded_never_returns() -> None:
    current = Current(1)
    fold(current, status("Idle", session=(9, 5)), 1)
    fold(current, status("Idle", session=(3, 1)), 2)
    assert not fold(current, status("offline", session=(9, 6)), 3).news
    assert (current.session_boot, current.presence) == (3, "online")


def test_a_late_delivery_from_before_the_will_does_not_bring_it_back() -> None:
    current = Current(1)
    fold(current, status("Running"), 10)
    fold(current, status("offline"), 20)
    fold(current, Telemetry(battery=12.0), 15)
    assert current.presence == "offline"


@given(st.permutations(range(8)), st.lists(st.sampled_from(["Idle", "Running", "offline"]), min_size=8, max_size=8))
def test_in_whatever_order_they_arrive_the_newest_status_is_shown(order: list[int], words: list[str]) -> None:
    current = Current(1)
    for at in order:
        fold(current, status(words[at]), at + 1)
    assert (current.presence == "offline") == (words[-1] == "offline")
    if words[-1] != "offline":
        assert shown_status(current) == words[-1]
