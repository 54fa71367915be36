"""Axes with round figures, and with times that a clock or a calendar would show."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from sunsweep.app.figures.times import local
from sunsweep.app.pages.machine.charts.spans import Window

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S
_CLOCK_STEPS_S: Final = (
    *(minutes * _MINUTE_S for minutes in (1, 2, 5, 10, 15, 20, 30)),
    *(hours * _HOUR_S for hours in (1, 2, 3, 4, 6, 12)),
)
_DAY_STEPS: Final = (1, 2, 5, 10)
_MONTH_STEPS: Final = (1, 2, 3, 6, 12)
_ROUND: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_SHRINKS_BELOW: Final = 0.4
"""Of the height of a chart: as long as the values fill more of it, its scale stays."""


class Scale(NamedTuple):
    """A vertical axis from `low` to `high` with a mark at each `step`."""

    low: float
    high: float
    step: float

    @property
    def decimals(self) -> int:
        """So many as tell one mark from the next."""
        return next((places for places in range(6) if abs(self.step - round(self.step, places)) < self.step / 1e6), 6)

    def marks(self) -> list[float]:
        """From the lowest to the highest."""
        return [self.low + index * self.step for index in range(round((self.high - self.low) / self.step) + 1)]


def scale(low: float, high: float, *, most: int = 5, at_least: float = 0.0) -> Scale:
    """Round figures around the values, at most `most` steps; `at_least` high, so that noise does not look like news."""
    if high - low < at_least:
        is_positive, middle = low >= 0, (low + high) / 2
        low, high = middle - at_least / 2, middle + at_least / 2
        if is_positive and low < 0:
            low, high = 0.0, at_least
    if high <= low:
        margin = abs(low) * 0.05 or 1.0
        low, high = low - margin, high + margin
    step = _round_up((high - low) / most)
    while (math.ceil(high / step - 1e-9) - math.floor(low / step + 1e-9)) > most:
        step = _round_up(step * 1.01)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)


def held(before: Scale | None, wanted: Scale, low: float, high: float) -> Scale:
    """The scale there was, as long as it fits: a chart that is read again does not jump."""
    if before is None or low < before.low or high > before.high:
        return wanted
    return wanted if (wanted.high - wanted.low) < _SHRINKS_BELOW * (before.high - before.low) else before


def time_marks(window: Window, *, most: int, zone: tzinfo | None = None) -> list[int]:
    """At most `most` instants (ms) at which the reader's clock or calendar shows something round.

    Full hours stay full over a change to summer time; `zone` is the device's where None.
    """
    begin, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in window)
    for marks in _ladders(begin, end, zone):
        found = [at for at in marks if window.begin_ms <= at <= window.end_ms]
        if len(found) <= most:
            return found
    return []


def _ladders(begin: datetime, end: datetime, zone: tzinfo | None) -> Iterator[list[int]]:
    """From the finest; those that cannot fit are not even counted out."""
    length_s = (end - begin).total_seconds()
    first, last = local(begin, zone).replace(tzinfo=None), local(end, zone).replace(tzinfo=None)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    for step_s in _CLOCK_STEPS_S:
        if length_s / step_s < 100:
            yield [_ms(at, zone) for at in _steps(midnight, first, last, timedelta(seconds=step_s))]
    for days in _DAY_STEPS:
        if length_s / (days * _DAY_S) < 100:
            yield [_ms(at, zone) for at in _days(midnight, last, days)]
    for months in _MONTH_STEPS:
        yield [_ms(at, zone) for at in _months(midnight, last, months)]


def _steps(midnight: datetime, first: datetime, last: datetime, step: timedelta) -> Iterator[datetime]:
    at = midnight + ((first - midnight) // step) * step
    # A clock that was set back within the span ends it earlier on its face than it began.
    while at <= last + timedelta(hours=2):
        yield at
        at += step


def _days(midnight: datetime, last: datetime, step: int) -> Iterator[datetime]:
    """Of a month: with steps of 5 the 1st, 6th, 11th, …, never the 31st beside the 1st."""
    at = midnight
    while at <= last:
        if step == 1 or ((at.day - 1) % step == 0 and at.day < 31):
            yield at
        at += timedelta(days=1)


def _months(midnight: datetime, last: datetime, step: int) -> Iterator[datetime]:
    at = midnight.replace(day=1)
    while at <= last:
        if (at.month - 1) % step == 0:
            yield at
        at = (at + timedelta(days=32)).replace(day=1)


def _ms(at: datetime, zone: tzinfo | None) -> int:
    """Of a time on the reader's clock."""
    there = at.astimezone() if zone is None else at.replace(tzinfo=zone)
    return round(there.timestamp() * 1000)


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in _ROUND if power * factor >= value * (1 - 1e-9))
