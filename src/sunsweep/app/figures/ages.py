"""How old a value is, in words, and whether it still counts as new."""

from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Final

from sunsweep.app.figures.times import clock, days_between, moment
from sunsweep.app.words import _, ngettext

STEP_S: Final = 5
"""Below a minute ages go in steps. A page of a thousand rows that counted every second would lay out a thousand texts
a second, and Flutter keeps each distinct text; whoever looks for trouble sees no difference between 12 s and 10 s."""
LATE_AFTER: Final = 2.0
"""Expected intervals after which a value is late."""

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S


class Freshness(StrEnum):
    """How a value is to be shown: as it is, amber, or grey."""

    FRESH = "fresh"
    LATE = "late"
    GONE = "gone"


def freshness(age_s: float | None, expected_interval_s: float, presence: str) -> Freshness:
    """`presence` is that of the API: online, stale or offline. A value that never came is gone."""
    if age_s is None or presence == "offline":
        return Freshness.GONE
    return Freshness.LATE if age_s > LATE_AFTER * expected_interval_s else Freshness.FRESH


def ago(age_s: float) -> str:
    """Rounded down to 5 s, a minute, an hour or a day. A clock that runs behind makes no future: that is just now."""
    if age_s < STEP_S:
        return _("just now")
    if age_s < _MINUTE_S:
        n = int(age_s) // STEP_S * STEP_S
        return ngettext("{n} s ago", "{n} s ago", n).format(n=n)
    if age_s < _HOUR_S:
        n = int(age_s) // _MINUTE_S
        return ngettext("{n} min ago", "{n} min ago", n).format(n=n)
    if age_s < _DAY_S:
        n = int(age_s) // _HOUR_S
        return ngettext("{n} h ago", "{n} h ago", n).format(n=n)
    n = int(age_s) // _DAY_S
    return ngettext("{n} day ago", "{n} days ago", n).format(n=n)


def since(at: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """Since 09:12; since yesterday 21:40: for what lasts, and stays the same text while it does."""
    days = days_between(at, now, zone)
    if days == 0:
        return _("since {time}").format(time=clock(at, zone))
    if days == 1:
        return _("since yesterday {time}").format(time=clock(at, zone))
    return _("since {date}").format(date=moment(at, now, zone))


def heard(at: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """The age of a value: within the hour as `ago`, from then on as the moment itself."""
    age_s = (now - at).total_seconds()
    return ago(age_s) if age_s < _HOUR_S else moment(at, now, zone)
