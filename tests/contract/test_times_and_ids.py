import re
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.contract.ids import next_uuid7, uuid7, uuid7_ms
from sunsweep.contract.times import FIRST_MS, LAST_MS, from_ms, iso, to_ms

all_ms = st.integers(FIRST_MS, LAST_MS)
randoms = st.integers(0, 2**74 - 1)
drawn_ms = st.integers(0, 2**47)


@given(all_ms)
def test_instants_round_trip_in_milliseconds(ms: int) -> None:
    assert to_ms(from_ms(ms)) == ms
    assert to_ms(datetime.fromisoformat(iso(ms))) == ms
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", iso(ms))


@given(all_ms, all_ms)
def test_text_order_is_the_order_in_time(one: int, other: int) -> None:
    assert (iso(one) < iso(other)) == (one < other)


@given(
    st.datetimes(timezones=st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-1439, 1439)))
)
def test_every_instant_can_be_written(instant: datetime) -> None:
    ms = to_ms(instant)
    assert FIRST_MS <= ms <= LAST_MS
    assert to_ms(datetime.fromisoformat(iso(ms))) == ms


def test_microseconds_are_cut() -> None:
    assert iso(to_ms(datetime(2026, 11, 24, 8, 33, 28, 250_999, tzinfo=UTC))) == "2026-11-24T08:33:28.250Z"
    assert iso(to_ms(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))) == "1969-12-31T23:59:59.999Z"


@given(drawn_ms, randoms)
def test_ids_are_uuid7_and_tell_their_instant(ms: int, random_bits: int) -> None:
    identifier = uuid7(ms, random_bits)
    assert UUID(identifier).version == 7
    assert UUID(identifier).variant == "specified in RFC 4122"
    assert uuid7_ms(identifier) == ms


@given(drawn_ms, randoms, drawn_ms, randoms)
def test_the_text_order_of_ids_is_that_of_their_instants(one: int, bits: int, other: int, other_bits: int) -> None:
    if one != other:
        assert (uuid7(one, bits) < uuid7(other, other_bits)) == (one < other)


@given(randoms, randoms)
def test_all_random_bits_count(one: int, other: int) -> None:
    assert (uuid7(1, one) == uuid7(1, other)) == (one == other)


@given(st.lists(st.tuples(drawn_ms, randoms), min_size=2, max_size=20))
def test_ids_only_grow_whatever_the_clock_does(draws: list[tuple[int, int]]) -> None:
    last = None
    for ms, random_bits in draws:
        drawn = next_uuid7(ms, random_bits, after=last)
        assert last is None or drawn > last
        last = drawn


def test_the_first_id_tells_the_clock() -> None:
    assert uuid7_ms(next_uuid7(1_795_509_208_250, 5, after=None)) == 1_795_509_208_250


@pytest.mark.parametrize("ms", [0, 1_795_509_208_250])
def test_frames_and_ids_know_the_epoch(ms: int) -> None:
    assert from_ms(ms) == datetime.fromtimestamp(ms / 1000, tz=UTC)
