"""How far back a page looks."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from sunsweep.app.words import _

_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S


class Span(StrEnum):
    """As the address names it."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    YEAR = "1y"


class Window(NamedTuple):
    """Milliseconds since 1970; the end is not in it."""

    begin_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.begin_ms


SECONDS: Final[dict[Span, int]] = {
    Span.HOUR: _HOUR_S,
    Span.DAY: _DAY_S,
    Span.WEEK: 7 * _DAY_S,
    Span.MONTH: 30 * _DAY_S,
    Span.YEAR: 365 * _DAY_S,
}
PACE_S: Final[dict[Span, int]] = {
    Span.HOUR: 15,
    Span.DAY: 60,
    Span.WEEK: 300,
    Span.MONTH: 900,
    Span.YEAR: 3600,
}
"""How often it is read again: by then the newest value is about a pixel away from the edge."""
LEAD_S: Final[dict[Span, int]] = {
    Span.HOUR: _DAY_S,
    Span.DAY: 2 * _DAY_S,
    Span.WEEK: 7 * _DAY_S,
    Span.MONTH: 7 * _DAY_S,
    Span.YEAR: 7 * _DAY_S,
}
"""How long before the span a state is looked for that was still so when it began."""
SPAN_WORDS: Final[dict[Span, Callable[[], str]]] = {
    Span.HOUR: lambda: _("1 h"),
    Span.DAY: lambda: _("24 h"),
    Span.WEEK: lambda: _("7 d"),
    Span.MONTH: lambda: _("30 d"),
    Span.YEAR: lambda: _("1 y"),
}


def span_of(name: str) -> Span:
    """What is no span is a day."""
    return Span(name) if name in set(Span) else Span.DAY


def window(span: Span, now_ms: int) -> Window:
    """Up to now, in steps of the pace: between two of them nothing moves."""
    step_ms = PACE_S[span] * 1000
    end_ms = -(-now_ms // step_ms) * step_ms
    return Window(end_ms - SECONDS[span] * 1000, end_ms)
