"""Which points a span of history is shown as: resolutions, and the widths that `auto` chooses from."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from sunsweep.server.features.telemetry.repository import Span

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
AUTO_POINTS: Final = 1000


class Resolution(StrEnum):
    RAW = "raw"
    MINUTE = "1m"
    HOUR = "1h"
    DAY = "1d"
    AUTO = "auto"


BASE_MS: Final = {Resolution.MINUTE: MINUTE_MS, Resolution.HOUR: HOUR_MS, Resolution.DAY: DAY_MS}


class Grid(NamedTuple):
    """Buckets of `width_ms` each, merged from those of the `base`; they begin at multiples of it since 1970, UTC."""

    base: Resolution
    width_ms: int

    def floor(self, ms: int) -> int:
        return ms - ms % self.width_ms

    def whole(self, span: Span) -> Span:
        """The buckets that the span touches, whole."""
        return Span(self.floor(span.from_ms), self.floor(span.to_ms - 1) + self.width_ms)

    def points(self, span: Span) -> int:
        """How many buckets the span touches."""
        begin, end = self.whole(span)
        return (end - begin) // self.width_ms


MINUTES: Final = tuple(Grid(Resolution.MINUTE, count * MINUTE_MS) for count in (1, 2, 5, 10, 15, 30))
# No 12 hours: that would merge 9,000 roll-ups for a year, of which the days say nearly as much.
HOURS: Final = tuple(Grid(Resolution.HOUR, count * HOUR_MS) for count in (1, 2, 3, 6))
DAYS: Final = tuple(Grid(Resolution.DAY, count * DAY_MS) for count in (1, 2, 7, 14, 30, 90, 365))


def minutes_for(span: Span) -> Grid | None:
    """The finest grid of minutes that shows the span in at most `AUTO_POINTS`; None where it is too long."""
    return next(_fitting(MINUTES, span), None)


def rolled_up_for(span: Span) -> Grid:
    """The finest grid of hours or days that shows the span in at most `AUTO_POINTS`."""
    days = (span.to_ms - span.from_ms) // DAY_MS
    beyond = Grid(Resolution.DAY, (days // (AUTO_POINTS - 2) + 1) * DAY_MS)
    return next(_fitting((*HOURS, *DAYS), span), beyond)


def chosen_grid(width_ms: int) -> Grid | None:
    """The grid of a width that can have been chosen before; None where it cannot: its buckets might have no bound."""
    grids = {grid.width_ms: grid for grid in (*MINUTES, *HOURS, *DAYS)}
    return grids.get(width_ms, None if width_ms % DAY_MS else Grid(Resolution.DAY, width_ms))


def _fitting(grids: tuple[Grid, ...], span: Span) -> Iterator[Grid]:
    return (grid for grid in grids if grid.points(span) <= AUTO_POINTS)
