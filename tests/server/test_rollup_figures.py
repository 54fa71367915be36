"""The arithmetic of roll-ups: any order, any grouping, any numbers."""

import json
import math
import sys
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.server.db.models import TelemetryHour
from sunsweep.server.features.telemetry.rollup import (
    COLUMNS,
    MAX_EXTRA_KEYS,
    MAX_KEY_CHARS,
    Figures,
    Sample,
    Spread,
    columns_of,
    figures_of,
    fold,
    merge,
)

HOUR_MS, DAY_MS = 3_600_000, 86_400_000

values = st.none() | st.floats(allow_nan=False, allow_infinity=False)
names = st.sampled_from([f"key{number:03}" for number in range(MAX_EXTRA_KEYS + 10)])
extras = st.none() | st.dictionaries(
    names,
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**400), 10**400) | st.booleans() | st.none(),
).map(json.dumps)
samples = st.builds(Sample, st.integers(0, 3 * DAY_MS), values, values, values, values, extras)


def same(one: Spread, other: Spread) -> None:
    assert (one.count, one.min, one.max) == (other.count, other.min, other.max)
    if one.mean is not None and one.min is not None and one.max is not None:
        assert one.min <= one.mean <= one.max
        scale = max(abs(one.min), abs(one.max))
        assert one.mean == pytest.approx(other.mean, rel=1e-9, abs=scale * 1e-9)


def alike(one: dict[int, Figures], other: dict[int, Figures]) -> None:
    assert list(one) == list(other)
    for start, figures in one.items():
        assert (figures.count, list(figures.extra)) == (other[start].count, list(other[start].extra))
        for mine, theirs in zip(figures.fields, other[start].fields, strict=True):
            same(mine, theirs)
        for key in figures.extra:
            same(figures.extra[key], other[start].extra[key])


@given(st.lists(samples, max_size=60), st.randoms(use_true_random=False))
def test_days_of_hours_are_days_of_samples(rows: list[Sample], chance: Any) -> None:
    days = fold(rows, DAY_MS)
    chance.shuffle(rows)
    hours = fold(rows, HOUR_MS)
    assert all(a < b for a, b in pairwise(hours))
    alike(merge(hours.items(), DAY_MS), days)


@given(st.lists(samples, min_size=1, max_size=20))
def test_stored_figures_come_back(rows: list[Sample]) -> None:
    for start, figures in fold(rows, HOUR_MS).items():
        stored = dict(zip(COLUMNS, columns_of(figures), strict=True))
        assert all(math.isfinite(value) for value in stored.values() if isinstance(value, float))
        assert figures_of(TelemetryHour(machine_id=1, start=start, **stored)) == figures


def test_only_numbers_of_extra_count() -> None:
    extra = '{"temp":30,"on":true,"note":"7","deep":{"a":1},"list":[1],"none":null,"vibration":0.5}'
    figures = fold([(0, 1.0, None, None, None, extra), (5, 2.0, None, None, None, '{"temp":31}')], HOUR_MS)[0]
    assert figures.extra == {"temp": Spread(2, 30.0, 31.0, 30.5), "vibration": Spread(1, 0.5, 0.5, 0.5)}
    assert figures.fields == (Spread(2, 1.0, 2.0, 1.5), *[Spread(0, None, None, None)] * 3)


def test_a_key_too_long_for_a_name_is_not_counted() -> None:
    named, endless = "k" * 64, "k" * 65
    extra = json.dumps({named: 1, endless: 2})
    assert set(fold([(0, None, None, None, None, extra)], HOUR_MS)[0].extra) == {named}


def test_the_mean_of_equal_values_is_that_value() -> None:
    hours = fold([(hour * HOUR_MS, 0.1, None, None, None, None) for hour in range(24)], HOUR_MS)
    assert merge(hours.items(), DAY_MS)[0].fields[0] == Spread(24, 0.1, 0.1, 0.1)


@given(st.integers(1, 50), st.integers(1, 50))
def test_the_mean_of_the_greatest_values_is_that_value(parts: int, values: int) -> None:
    """A machine that sends them ends nobody's counting."""
    greatest = Sample(0, sys.float_info.max, -sys.float_info.max, None, None, None)
    hours = fold([greatest._replace(ts=hour * HOUR_MS) for hour in range(parts) for _ in range(values + hour)], HOUR_MS)
    figures = merge(hours.items(), parts * HOUR_MS)[0]
    assert [said.mean for said in figures.fields[:2]] == [greatest.battery, greatest.solar_v]


def test_names_of_extra_have_a_bound() -> None:
    """64 names of 60 kB in each hour of a machine would be more than the database takes at once."""
    names = ["x" * MAX_KEY_CHARS, "y" * (MAX_KEY_CHARS + 1)]
    extra = json.dumps(dict.fromkeys(names, 1.5))
    assert list(fold([Sample(0, None, None, None, None, extra)], HOUR_MS)[0].extra) == names[:1]
