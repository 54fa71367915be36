"""When a stop goes out again, and when not: pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.server.db.models import CommandRow, MachineStatus
from sunsweep.server.dispatch.timing import (
    LONGEST_WAIT_MS,
    RESEND_FOR_MS,
    is_due_again,
    is_over,
    life_s,
    wait_ms,
    waited_ms,
)

NOW_MS = 1_800_000_000_000


def stop(*, sends: int = 1, sent_at: int | None = NOW_MS) -> CommandRow:
    return CommandRow(command="stop_cleaning", sends=sends, sent_at=sent_at, expires_at=None)


def machine(presence: str = "online", since_ms: int = 0) -> MachineStatus:
    return MachineStatus(presence=presence, presence_since=since_ms, in_session=True)


def times_sent(step_ms: int) -> list[int]:
    """Seconds after the first sending, of a machine that is online for a day and says nothing."""
    row, found = stop(), [0]
    for after_ms in range(0, 86_400_000, step_ms):
        if is_due_again(row, machine(), now_ms=NOW_MS + after_ms):
            row.sends, row.sent_at = row.sends + 1, NOW_MS + after_ms
            found.append(after_ms // 1000)
    return found


def test_it_is_sent_for_a_quarter_of_an_hour_ever_less_often_and_then_no_more() -> None:
    found = times_sent(1000)
    assert found[:6] == [0, 5, 15, 35, 65, 95]
    assert RESEND_FOR_MS - LONGEST_WAIT_MS <= found[-1] * 1000 <= RESEND_FOR_MS + LONGEST_WAIT_MS


@given(sends=st.integers(1, 10_000))
def test_waits_grow_to_the_longest(sends: int) -> None:
    assert 0 < wait_ms(sends) <= wait_ms(sends + 1) <= LONGEST_WAIT_MS


@pytest.mark.parametrize(
    ("row", "status", "due"),
    [
        (stop(sent_at=NOW_MS - 5000), machine(), True),
        (stop(sent_at=NOW_MS - 4999), machine(), False),
        (stop(sent_at=NOW_MS - 5000), None, True),
        (stop(sent_at=NOW_MS - 5000), machine("stale"), True),
        (stop(sent_at=NOW_MS - 86_400_000), machine("offline"), False),
        (stop(sent_at=NOW_MS - 1000), machine(since_ms=NOW_MS - 10), True),
        # The clock has stepped back.
        (stop(sent_at=NOW_MS + 3_600_000), machine(), True),
        # Its quarter of an hour is over: only a machine that comes back gets it once more.
        (stop(sends=100, sent_at=NOW_MS - 86_400_000), machine(), False),
        (stop(sends=100, sent_at=NOW_MS - 86_400_000), machine(since_ms=NOW_MS), True),
        (stop(sent_at=None), machine(), False),
    ],
)
def test_when_it_is_due(row: CommandRow, status: MachineStatus | None, due: bool) -> None:  # noqa: FBT001
    assert is_due_again(row, status, now_ms=NOW_MS) is due


@given(sends=st.integers(1, 200))
def test_all_waits_together(sends: int) -> None:
    assert waited_ms(sends) == sum(wait_ms(number) for number in range(1, sends))


@given(left_ms=st.integers(1, 604_800_000), bare=st.booleans(), order=st.sampled_from(["start_cleaning", "pause"]))
def test_the_broker_keeps_a_start_no_longer_than_it_is_good(left_ms: int, bare: bool, order: str) -> None:  # noqa: FBT001
    row = CommandRow(command=order, expires_at=NOW_MS + left_ms)
    assert not is_over(row, now_ms=NOW_MS)
    assert is_over(row, now_ms=NOW_MS + left_ms)
    life = life_s(row, now_ms=NOW_MS, bare=bare)
    assert 1 <= life <= max(1, left_ms // 1000)
    assert not bare or life <= 10
    assert life_s(stop(), now_ms=NOW_MS, bare=bare) == 900
