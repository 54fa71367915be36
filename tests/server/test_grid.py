"""The points that a span is shown as."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sunsweep.server.features.telemetry.grid import (
    AUTO_POINTS,
    DAY_MS,
    DAYS,
    HOURS,
    MINUTE_MS,
    MINUTES,
    Grid,
    Resolution,
    chosen_grid,
    minutes_for,
    rolled_up_for,
)
from sunsweep.server.features.telemetry.repository import Span

YEAR_MS = 365 * DAY_MS


@given(begin=st.integers(-(10**13), 10**13), length=st.integers(1, 10_000 * YEAR_MS))
def test_no_span_has_more_points_than_a_thousand(begin: int, length: int) -> None:
    span = Span(begin, begin + length)
    grids = [grid for grid in (minutes_for(span), rolled_up_for(span)) if grid is not None]
    for grid in grids:
        assert grid.points(span) <= AUTO_POINTS
        assert chosen_grid(grid.width_ms) == grid
        whole = grid.whole(span)
        assert whole.from_ms <= span.from_ms < whole.from_ms + grid.width_ms
        assert whole.to_ms - grid.width_ms < span.to_ms <= whole.to_ms
        assert whole.from_ms % grid.width_ms == whole.to_ms % grid.width_ms == 0


def test_widths_grow_with_the_span() -> None:
    widths = [grid.width_ms for grid in (*MINUTES, *HOURS, *DAYS)]
    assert all(one < next_one for one, next_one in pairwise(widths))
    spans = [Span(0, length) for length in (MINUTE_MS, DAY_MS, 30 * DAY_MS, 90 * DAY_MS, YEAR_MS, 10 * YEAR_MS)]
    assert [minutes_for(span) for span in spans[:3]] == [MINUTES[0], MINUTES[1], None]
    chosen = [rolled_up_for(span) for span in spans]
    assert chosen == [
        HOURS[0], HOURS[0], HOURS[0], HOURS[2], DAYS[0], Grid(Resolution.DAY, 7 * DAY_MS),
    ]  # fmt: skip
