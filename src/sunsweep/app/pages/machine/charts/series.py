"""What was measured, as series to draw: thinned to what the pixels can show, broken where nothing was measured."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from sunsweep.app.net.server_clock import read_ms

FIELDS: Final = ("battery", "solar_v", "solar_a", "water")
"""V, V, A, % of the tank."""
GAP_INTERVALS: Final = 3
"""Expected intervals of silence from which on a line is broken."""
GAP_BUCKETS: Final = 2
LATE_AFTER_INTERVALS: Final = 3
LATE_AFTER_MS: Final = 60_000
"""What takes longer from the measurement to the server, and longer than its usual intervals, is late."""

Json = Mapping[str, Any]


class Point(NamedTuple):
    """A sample, or some of them together: their middle, mean, least and greatest, and how many they are."""

    at_ms: int
    mean: float
    low: float
    high: float
    samples: int = 1
    late_ms: int | None = None
    """How long it took to arrive, where that was late."""


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one quantity in the order of time; `width_ms` is that of a bucket, None for single samples."""

    name: str
    points: tuple[Point, ...]
    width_ms: int | None
    gap_ms: int
    """Longer than this from one point to the next: nothing was measured between them."""

    @property
    def low(self) -> float:
        return min(point.low for point in self.points)

    @property
    def high(self) -> float:
        return max(point.high for point in self.points)


def series_of(items: Iterable[Json], bucket_s: int | None, expected_s: int) -> list[Series]:
    """Every quantity of an answer of the API that has a number anywhere: the fields, then keys of `extra` by name."""
    found: dict[str, list[Point]] = {}
    late_after_ms = max(LATE_AFTER_MS, LATE_AFTER_INTERVALS * expected_s * 1000)
    for item in items:
        at_ms = read_ms(item["ts"])
        if at_ms is None:
            continue
        values = _samples(item, at_ms, late_after_ms) if bucket_s is None else _buckets(item, at_ms + bucket_s * 500)
        for name, point in values:
            found.setdefault(name, []).append(point)
    width_ms = None if bucket_s is None else bucket_s * 1000
    gap_ms = max(GAP_INTERVALS * expected_s * 1000, GAP_BUCKETS * (width_ms or 0))
    names = [*(name for name in FIELDS if name in found), *sorted(name for name in found if name not in FIELDS)]
    return [Series(name, tuple(found[name]), width_ms, gap_ms) for name in names]


def thinned(series: Series, step_ms: float) -> Series:
    """At most one point for each step of time: its mean, and still the least and the greatest of all."""
    step = max(1, int(step_ms))
    if series.width_ms is not None:
        step = -(-step // series.width_ms) * series.width_ms
        if step == series.width_ms:
            return series
    elif _is_sparse(series.points, step):
        return series
    columns: dict[int, list[Point]] = {}
    for point in series.points:
        columns.setdefault(point.at_ms // step, []).append(point)
    points = tuple(_merged(group, column * step + step // 2) for column, group in columns.items())
    return replace(series, points=points, width_ms=step, gap_ms=max(series.gap_ms, GAP_BUCKETS * step))


def runs(series: Series) -> list[Sequence[Point]]:
    """The stretches without a gap: a line each."""
    found: list[Sequence[Point]] = []
    begin = 0
    points = series.points
    for index in range(1, len(points) + 1):
        if index == len(points) or points[index].at_ms - points[index - 1].at_ms > series.gap_ms:
            found.append(points[begin:index])
            begin = index
    return [run for run in found if run]


def nearest(series: Series, at_ms: float) -> Point | None:
    """The point nearest to a time; None in a gap."""
    points = series.points
    index = bisect_left(points, at_ms, key=lambda point: point.at_ms)
    near = min(points[max(0, index - 1) : index + 1], key=lambda point: abs(point.at_ms - at_ms), default=None)
    return near if near is not None and abs(near.at_ms - at_ms) <= series.gap_ms else None


def _is_sparse(points: Sequence[Point], step: int) -> bool:
    return len({point.at_ms // step for point in points}) == len(points)


def _merged(points: Sequence[Point], middle_ms: int) -> Point:
    count = sum(point.samples for point in points)
    return Point(
        middle_ms,
        sum(point.mean * point.samples for point in points) / count,
        min(point.low for point in points),
        max(point.high for point in points),
        count,
        max((point.late_ms for point in points if point.late_ms is not None), default=None),
    )


def _samples(item: Json, at_ms: int, late_after_ms: int) -> Iterable[tuple[str, Point]]:
    late_ms = (read_ms(item.get("received_at")) or at_ms) - at_ms
    late = late_ms if late_ms > late_after_ms else None
    extra = item.get("extra") or {}
    for name, value in (*extra.items(), *((name, item.get(name)) for name in FIELDS)):
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, Point(at_ms, value, value, value, 1, late)


def _buckets(item: Json, middle_ms: int) -> Iterable[tuple[str, Point]]:
    for name in FIELDS:
        if item[f"{name}_count"]:
            yield name, Point(middle_ms, *(item[f"{name}_{word}"] for word in ("mean", "min", "max", "count")))
    for name, said in (item.get("extra") or {}).items():
        if said["count"] and name not in FIELDS:
            yield name, Point(middle_ms, said["mean"], said["min"], said["max"], said["count"])
