"""Who takes which member, and who gives one up."""

from sunsweep.server.db.seats import Seat, SeatTable
from sunsweep.server.ingest.shares import Decision, decide

NOW = 1_000_000
MINUTE = 60_000


def table(members: int, seats: dict[int, str | int], *workers: str) -> SeatTable:
    """A seat is held by somebody, or has been free for so many milliseconds."""
    known = {
        number: Seat(word, NOW + 1000) if isinstance(word, str) else Seat("", NOW - word)
        for number, word in seats.items()
    }
    return SeatTable(members, known, frozenset(workers), has_dead=False)


def decided(seats: SeatTable, worker: str) -> Decision:
    held = [number for number, seat in seats.seats.items() if seat.holder == worker]
    return decide(seats, worker, held, now_ms=NOW, adopt_after_ms=MINUTE)


def test_a_worker_without_a_member_takes_the_first_free_one_at_once() -> None:
    assert decided(table(3, {0: "a", 1: 0, 2: 5}, "a", "b"), "b") == Decision(1, None)


def test_a_worker_with_a_member_adopts_only_what_was_free_for_a_minute() -> None:
    assert decided(table(2, {0: "a", 1: MINUTE - 1}, "a"), "a") == Decision(None, None)
    assert decided(table(2, {0: "a", 1: MINUTE}, "a"), "a") == Decision(1, None)


def test_a_lapsed_member_is_taken_whoever_stands_in_its_row() -> None:
    seats = SeatTable(1, {0: Seat("a", NOW)}, frozenset({"b"}), has_dead=False)
    assert decide(seats, "b", [], now_ms=NOW, adopt_after_ms=MINUTE) == Decision(0, None)


def test_who_has_more_than_its_share_gives_its_highest_to_a_worker_without_one() -> None:
    assert decided(table(2, {0: "a", 1: "a"}, "a", "b"), "a") == Decision(None, 1)
    assert decided(table(3, {0: "a", 1: "a", 2: "b"}, "a", "b", "c"), "a") == Decision(None, 1)


def test_nobody_gives_while_one_is_free_anyway() -> None:
    assert decided(table(3, {0: "a", 1: "a", 2: 0}, "a", "b"), "a") == Decision(None, None)


def test_nobody_gives_what_is_its_share() -> None:
    assert decided(table(1, {0: "a"}, "a", "b"), "a") == Decision(None, None)
    assert decided(table(2, {0: "a", 1: "a"}, "a"), "a") == Decision(None, None)
    assert decided(table(4, {0: "a", 1: "a", 2: "b", 3: "b"}, "a", "b", "c"), "a") == Decision(None, None)


def test_only_one_of_two_equals_gives() -> None:
    seats = table(6, {0: "a", 1: "a", 2: "a", 3: "b", 4: "b", 5: "b"}, "a", "b", "c")
    assert [decided(seats, worker) for worker in "ab"] == [Decision(None, None), Decision(None, 5)]


def test_a_member_that_is_not_wanted_any_more_is_taken_to_be_drained() -> None:
    assert decided(table(1, {0: "a", 1: 5}, "a", "b"), "b") == Decision(1, None)
