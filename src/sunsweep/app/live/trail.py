"""The last hour of a machine's values, in minutes: enough for a small curve, and cheap to keep."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

from sunsweep.app.live.readings import sampled
from sunsweep.app.net.server_clock import read_ms

Json = Mapping[str, Any]

POWER: Final = "power"
"""W, from V and A of one sample."""
MINUTES: Final = 60
_MINUTE_MS: Final = 60_000
_MEAN: Final = "_mean"


class Dot(NamedTuple):
    """A mean; `minute` counts from 1970."""

    minute: int
    value: float


class Trail:
    """Means of a minute, of whatever is a number."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[int, tuple[float, int]]] = defaultdict(dict)

    def take_rows(self, rows: Iterable[Json]) -> None:
        """Samples or roll-ups of `GET …/telemetry`."""
        for row in rows:
            if (at_ms := read_ms(row.get("ts"))) is not None:
                self._take(_means(row) if "count" in row else dict(sampled(row)), at_ms)

    def take_frame(self, frame: Json) -> None:
        """A live sample; frames of other types are passed over."""
        data = frame.get("data")
        if frame.get("type") == "telemetry" and isinstance(data, dict):
            at_ms = read_ms(frame.get("ts"))
            if at_ms is not None:
                self._take(dict(sampled(data)), at_ms)

    def runs(self, name: str, now_ms: int) -> tuple[tuple[Dot, ...], ...]:
        """The curve of the last hour; where minutes are missing it is broken, unless samples are rarer than that."""
        last = now_ms // _MINUTE_MS
        means = self._sums.get(name, {})
        for minute in [one for one in means if one <= last - MINUTES]:
            del means[minute]
        dots = [Dot(minute, total / count) for minute, (total, count) in sorted(means.items())]
        return _parted(dots)

    def _take(self, values: Mapping[str, Any], at_ms: int) -> None:
        minute = at_ms // _MINUTE_MS
        for name, value in {**values, **_power(values)}.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                total, count = self._sums[name].get(minute, (0.0, 0))
                self._sums[name][minute] = (total + value, count + 1)


def _power(values: Mapping[str, Any]) -> dict[str, float]:
    volts, amperes = values.get("solar_v"), values.get("solar_a")
    if isinstance(volts, int | float) and isinstance(amperes, int | float):
        return {POWER: volts * amperes}
    return {}


def _means(row: Json) -> dict[str, Any]:
    means = {name.removesuffix(_MEAN): value for name, value in row.items() if name.endswith(_MEAN)}
    extra = row.get("extra") or {}
    return {**{name: one.get("mean") for name, one in extra.items()}, **means}


def _parted(dots: list[Dot]) -> tuple[tuple[Dot, ...], ...]:
    if not dots:
        return ()
    steps = sorted(after.minute - before.minute for before, after in pairwise(dots))
    usual = steps[len(steps) // 2] if steps else 1
    runs: list[list[Dot]] = [[dots[0]]]
    for before, after in pairwise(dots):
        if after.minute - before.minute > 2 * usual:
            runs.append([])
        runs[-1].append(after)
    return tuple(tuple(run) for run in runs)
