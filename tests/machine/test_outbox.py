"""Numbers without gaps, kept until settled."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.contract.codec import decode_telemetry
from sunsweep.contract.payloads import Receipt, Result, ResultState, Status, Telemetry
from sunsweep.contract.refusal import Refused
from sunsweep.contract.topics import Channel
from sunsweep.machine.outbox import MemoryOutbox

BOOT = 77
SAMPLE = Telemetry(13.1)


def receipt(*stored: tuple[int, int], rejected: tuple[tuple[int, int, str], ...] = (), boot: int = BOOT) -> Receipt:
    return Receipt(1, boot, stored, rejected)


def numbers(outbox: MemoryOutbox) -> list[int]:
    return [entry.seq for entry in outbox.pending()]


def filled(count: int) -> MemoryOutbox:
    outbox = MemoryOutbox(BOOT)
    for _ in range(count):
        outbox.put(SAMPLE, 1000)
    return outbox


def test_numbers_begin_at_one_and_have_no_gaps() -> None:
    outbox = MemoryOutbox(BOOT)
    outbox.put(SAMPLE, 1000)
    outbox.put(Status("Running"), 1001)
    outbox.put(Result("0190163d-8694-739b-aea5-966c26f8ad91", ResultState.ACCEPTED), 1002)
    assert numbers(outbox) == [1, 2, 3]
    assert [entry.channel for entry in outbox.pending()] == [Channel.TELEMETRY, Channel.STATUS, Channel.RESULT]


def test_what_the_contract_refuses_spends_no_number() -> None:
    outbox = MemoryOutbox(BOOT)
    with pytest.raises(Refused):
        outbox.put(Telemetry(extra={"log": "x" * 70_000}), 1000)
    assert outbox.put(SAMPLE, 1000).seq == 1


def test_nan_becomes_null_before_it_is_numbered() -> None:
    entry = MemoryOutbox(BOOT).put(Telemetry(math.nan, 21.2, extra={"temp": math.inf}), 1000)
    read = decode_telemetry(entry.payload)
    assert (read.battery, read.solar_v, read.extra) == (None, 21.2, {"temp": None})


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=20))
def test_receipts_may_come_in_any_order_doubled_and_overlapping(ranges: list[tuple[int, int]]) -> None:
    outbox = filled(25)
    for first, last in ranges:
        outbox.settle(receipt((first, last)))
    said = {seq for first, last in ranges for seq in range(first, last + 1)}
    assert numbers(outbox) == [seq for seq in range(1, 26) if seq not in said]
    assert outbox.counts.stored == 25 - len(outbox)


def test_a_rejection_is_an_outcome_and_counted() -> None:
    outbox = filled(3)
    assert outbox.settle(receipt((1, 1), rejected=((2, 2, "too_late"),))) == 2
    assert (outbox.counts.stored, outbox.counts.rejected, numbers(outbox)) == (1, 1, [3])


def test_a_receipt_for_another_boot_or_an_absurd_range_does_no_harm() -> None:
    outbox = filled(3)
    assert outbox.settle(receipt((1, 3), boot=78)) == 0
    assert outbox.settle(receipt((2, 2**53 - 1))) == 2
    assert numbers(outbox) == [1]


def test_full_it_gives_up_the_oldest_telemetry_and_nothing_else() -> None:
    outbox = MemoryOutbox(BOOT, limit=4)
    outbox.put(Status("Running"), 1)
    for _ in range(6):
        outbox.put(SAMPLE, 2)
    outbox.put(Status("Idle"), 3)
    assert numbers(outbox) == [1, 6, 7, 8]
    assert outbox.counts.given_up == 4


def test_statuses_and_results_are_kept_beyond_the_limit() -> None:
    outbox = MemoryOutbox(BOOT, limit=2)
    for _ in range(5):
        outbox.put(Status("Running"), 1)
    assert len(outbox) == 5
    assert outbox.counts.given_up == 0


def test_what_is_held_can_be_read_from_a_number_on() -> None:
    outbox = filled(6)
    outbox.settle(receipt((5, 5)))
    assert [entry.seq for entry in outbox.pending(after=3)] == [4, 6]
    assert 4 in outbox
    assert 5 not in outbox
