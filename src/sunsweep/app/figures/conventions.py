"""How the language in use writes figures and dates.

They stand in the catalogue like every other word, so that a language is one file. What they are is taken from CLDR,
whose data is too large for a browser. Arabic follows CLDR's default of today for `ar`, Western digits.
"""

from dataclasses import dataclass
from functools import cache

from sunsweep.app.words import language, pgettext


@dataclass(frozen=True, slots=True)
class Conventions:
    """Marks and patterns; `min_grouped` is the number of digits from which thousands are set apart."""

    decimal: str
    group: str
    min_grouped: int
    minus: str
    percent: str
    date: str
    dated_year: str
    dated_weekday: str
    joined: str
    months: tuple[str, ...]
    weekdays: tuple[str, ...]


def conventions() -> Conventions:
    """Those of the language in use."""
    return _of(language())


@cache
def _of(_: str) -> Conventions:
    return Conventions(
        decimal=pgettext("decimal mark", "."),
        group=pgettext("mark between thousands", ","),
        min_grouped=int(pgettext("digits from which thousands are set apart", "4")),
        minus=pgettext("sign of a negative figure", "-"),
        percent=pgettext("unit", "{n}%"),
        date=pgettext("date pattern", "{month} {day}"),
        dated_year=pgettext("date pattern", "{month} {day}, {year}"),
        dated_weekday=pgettext("date pattern", "{weekday}, {month} {day}"),
        joined=pgettext("date pattern", "{date}, {time}"),
        months=(
            pgettext("month", "Jan"),
            pgettext("month", "Feb"),
            pgettext("month", "Mar"),
            pgettext("month", "Apr"),
            pgettext("month", "May"),
            pgettext("month", "Jun"),
            pgettext("month", "Jul"),
            pgettext("month", "Aug"),
            pgettext("month", "Sep"),
            pgettext("month", "Oct"),
            pgettext("month", "Nov"),
            pgettext("month", "Dec"),
        ),
        weekdays=(
            pgettext("weekday", "Mon"),
            pgettext("weekday", "Tue"),
            pgettext("weekday", "Wed"),
            pgettext("weekday", "Thu"),
            pgettext("weekday", "Fri"),
            pgettext("weekday", "Sat"),
            pgettext("weekday", "Sun"),
        ),
    )
