"""Arithmetic of ranges, and the equation of a boot's account, against plain sets."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sunsweep.server.features.ledger.account import Day, balance, totals
from sunsweep.server.features.ledger.ranges import Range, Refused, count, minus, refused_union, union

numbers = st.integers(1, 40)
ranges = st.lists(st.tuples(numbers, numbers), max_size=8)
forward = ranges.map(lambda found: [(min(pair), max(pair)) for pair in found])
refused = st.lists(st.tuples(numbers, numbers, st.sampled_from(["bad_field", "too_late"])), max_size=6)


def members(found: Iterable[Range]) -> set[int]:
    return {number for first, last in found for number in range(first, last + 1)}


def reasons(found: Iterable[Refused]) -> dict[int, str]:
    """Each number with the first of its reasons."""
    return {
        n: reason
        for first, last, reason in sorted(found, key=lambda r: r[2], reverse=True)
        for n in range(first, last + 1)
    }


def assert_tidy(found: list[Range]) -> None:
    """Sorted, disjoint, not touching, none empty."""
    assert all(first <= last for first, last in found)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))


@given(ranges)
def test_a_union_holds_what_is_in_any(some: list[Range]) -> None:
    found = union(some)
    assert members(found) == members(some)
    assert count(found) == len(members(some))
    assert_tidy(found)


@given(ranges, ranges)
def test_minus_leaves_what_is_in_one_and_not_in_the_other(some: list[Range], gone: list[Range]) -> None:
    found = minus(some, gone)
    assert members(found) == members(some) - members(gone)
    assert_tidy(found)


@given(refused, ranges)
def test_each_rejected_number_is_there_once_with_a_reason(some: list[Refused], gone: list[Range]) -> None:
    found = refused_union(some, gone)
    expected = {number: reason for number, reason in reasons(some).items() if number not in members(gone)}
    assert reasons(found) == expected
    assert sum(last - first + 1 for first, last, _ in found) == len(expected)


@given(
    st.lists(st.builds(Day, st.just(1), forward.map(tuple), refused.map(tuple)), max_size=4),
    forward,
    st.integers(0, 50),
)
def test_every_number_up_to_the_last_is_in_exactly_one_part(days: list[Day], losses: list[Range], end: int) -> None:
    account = balance(days, losses, end)
    stored = members(part for day in days for part in day.stored)
    rejected = set(reasons(part for day in days for part in day.rejected)) - stored
    given_up = members(losses) - stored - rejected
    assert account.last == max(stored | rejected | given_up | {end})
    assert members(account.stored) == stored
    assert set(reasons(account.rejected)) == rejected
    assert members(account.given_up) == given_up
    assert members(account.missing) == set(range(1, account.last + 1)) - stored - rejected - given_up
    assert sum(totals(account)) == account.last


def test_ranges_as_wide_as_numbers_go_cost_nothing() -> None:
    account = balance([Day(1, ((5, 5),), ())], [(1, 2**53 - 1)], 0)
    assert account.given_up == [(1, 4), (6, 2**53 - 1)]
    assert totals(account).given_up == 2**53 - 2
