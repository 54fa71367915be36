"""Samples to figures per span of time, and figures of short spans to figures of long ones. Arithmetic only."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from msgspec import json

FIELDS: Final = ("battery", "solar_v", "solar_a", "water")
WORDS: Final = ("count", "min", "max", "mean")
COLUMNS: Final = ("count", *(f"{field}_{word}" for field in FIELDS for word in WORDS), "extra")
"""The columns of a roll-up beside its key, in the order of `columns_of`."""
MAX_EXTRA_KEYS: Final = 64
MAX_KEY_CHARS: Final = 64
"""A longer key is no name of a measurement; a roll-up would grow without bounds."""

_extra_values = json.Decoder(dict[str, Any])
_extra_spreads = json.Decoder(dict[str, tuple[int, float, float, float]])


class Sample(NamedTuple):
    """A raw row as far as it is counted; `extra` is JSON. Any tuple in this order will do."""

    ts: int
    battery: float | None
    solar_v: float | None
    solar_a: float | None
    water: float | None
    extra: str | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Of a field: how many samples said it, the least, the greatest, the mean."""

    count: int
    min: float | None
    max: float | None
    mean: float | None


NOTHING: Final = Spread(0, None, None, None)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the samples of a span say: how many they are, each of `FIELDS`, each numeric key of `extra`.

    Of the keys only the first `MAX_EXTRA_KEYS` in sorted order: the same are left however spans are merged.
    """

    count: int
    fields: tuple[Spread, ...]
    extra: dict[str, Spread]


def fold(samples: Iterable[Sample | tuple[Any, ...]], width_ms: int) -> dict[int, Figures]:
    """Samples in any order to figures by the start of their span, in the order of time."""
    spans: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for sample in samples:
        spans[sample[0] - sample[0] % width_ms].append(sample)
    return {start: _figures(spans[start]) for start in sorted(spans)}


def merge(parts: Iterable[tuple[int, Figures]], width_ms: int) -> dict[int, Figures]:
    """Figures of short spans, each named by its start, to those of spans that are a multiple as long."""
    spans: dict[int, list[Figures]] = defaultdict(list)
    for start, figures in parts:
        spans[start - start % width_ms].append(figures)
    return {start: _merged(spans[start]) for start in sorted(spans)}


def columns_of(figures: Figures) -> tuple[Any, ...]:
    """As values of `COLUMNS`."""
    spreads = (value for said in figures.fields for value in (said.count, said.min, said.max, said.mean))
    extra = {key: (said.count, said.min, said.max, said.mean) for key, said in figures.extra.items()}
    return figures.count, *spreads, json.encode(extra).decode() if extra else None


def figures_of(row: Any) -> Figures:
    """From a `models.Rollup`, or any row with its columns."""
    fields = tuple(Spread(*(getattr(row, f"{field}_{word}") for word in WORDS)) for field in FIELDS)
    extra = _extra_spreads.decode(row.extra) if row.extra else {}
    return Figures(row.count, fields, {key: Spread(*said) for key, said in extra.items()})


def _figures(samples: Sequence[tuple[Any, ...]]) -> Figures:
    extra: dict[str, list[float]] = defaultdict(list)
    for sample in samples:
        for key, value in _numbers(sample[5]):
            extra[key].append(value)
    fields = tuple(
        _spread([said for sample in samples if (said := sample[place]) is not None]) for place in range(1, 5)
    )
    return Figures(len(samples), fields, {key: _spread(extra[key]) for key in _first_keys(extra)})


def _merged(parts: Sequence[Figures]) -> Figures:
    extra: dict[str, list[Spread]] = defaultdict(list)
    for part in parts:
        for key, said in part.extra.items():
            extra[key].append(said)
    fields = tuple(_merged_spread([part.fields[place] for part in parts]) for place in range(len(FIELDS)))
    keys = _first_keys(extra)
    return Figures(sum(part.count for part in parts), fields, {key: _merged_spread(extra[key]) for key in keys})


def _first_keys(extra: Mapping[str, object]) -> list[str]:
    return sorted(extra)[:MAX_EXTRA_KEYS]


def _numbers(extra: str | None) -> Iterable[tuple[str, float]]:
    """The numeric keys of an `extra`; what no float can hold is no measurement."""
    for key, value in _extra_values.decode(extra).items() if extra else ():
        # Not isinstance: true and false are no numbers.
        if type(value) in {int, float} and len(key) <= MAX_KEY_CHARS:
            try:
                yield key, float(value)
            except OverflowError:
                continue


def _spread(values: Sequence[float]) -> Spread:
    if not values:
        return NOTHING
    try:
        mean = math.fsum(values) / len(values)
    except OverflowError:
        # Halves, for the rounded parts of the greatest number there is add up to more than that.
        mean = 2 * math.fsum(value / len(values) / 2 for value in values)
    return _rounded(len(values), min(values), max(values), mean)


def _merged_spread(parts: Sequence[Spread]) -> Spread:
    said = [(part.count, part.min, part.max, part.mean) for part in parts if part.count]
    total = sum(count for count, *_ in said)
    if not total:
        return NOTHING
    least = min(value for _, value, _, _ in said if value is not None)
    greatest = max(value for _, _, value, _ in said if value is not None)
    # Weighed and halved, and then added, so that no sum overflows.
    mean = 2 * math.fsum(value * (count / total) / 2 for count, _, _, value in said if value is not None)
    return _rounded(total, least, greatest, mean)


def _rounded(count: int, least: float, greatest: float, mean: float) -> Spread:
    """Rounding must not lead the mean out of its bounds."""
    return Spread(count, least, greatest, min(max(mean, least), greatest))
