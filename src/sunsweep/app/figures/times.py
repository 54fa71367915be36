"""Instants as local time, in the order of the language in use.

In the browser Python takes local time, summer time included, from the browser (Emscripten asks JavaScript's `Date`);
only the zone's name has to be asked for.
"""

import os
import sys
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from typing import Final

from sunsweep.app.figures.conventions import conventions
from sunsweep.app.words import _, pgettext

_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S
_ZONEINFO: Final = "zoneinfo/"


def instant(text: str) -> datetime:
    """An RFC 3339 instant of the API, in UTC. Raises `ValueError` where it is none, or names no offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"no offset in {text!r}")
    return at


def instant_of(at_ms: float) -> datetime:
    """Milliseconds since 1970, as the stores keep their times, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def local(at: datetime, zone: tzinfo | None = None) -> datetime:
    """The instant on the reader's clock; `zone` is the device's where None."""
    return at.astimezone(zone)


def clock(at: datetime, zone: tzinfo | None = None, *, seconds: bool = False) -> str:
    """09:12, in all languages with two digits and 24 hours: figures below each other, and no a.m. to overlook."""
    return local(at, zone).strftime("%H:%M:%S" if seconds else "%H:%M")


def date(at: datetime, zone: tzinfo | None = None, *, now: datetime | None = None) -> str:
    """Nov 28; with its year unless `now` is given and in the same one."""
    ours = conventions()
    day = local(at, zone)
    same = now is not None and local(now, zone).year == day.year
    return (ours.date if same else ours.dated_year).format(**_parts(day))


def weekday(at: datetime, zone: tzinfo | None = None) -> str:
    """Sat, Nov 28."""
    return conventions().dated_weekday.format(**_parts(local(at, zone)))


def days_between(at: datetime, now: datetime, zone: tzinfo | None = None) -> int:
    """How often the reader's date has changed since then: 1 is yesterday, whatever the hour."""
    return (local(now, zone).date() - local(at, zone).date()).days


def moment(at: datetime, now: datetime, zone: tzinfo | None = None, *, seconds: bool = False) -> str:
    """Day and time, as short as it is clear: 09:12 today; yesterday 21:40; Nov 23, 21:40; Nov 23, 2025, 21:40."""
    time = clock(at, zone, seconds=seconds)
    days = days_between(at, now, zone)
    if days == 0:
        return time
    if days == 1:
        return _("yesterday {time}").format(time=time)
    return conventions().joined.format(date=date(at, zone, now=now), time=time)


def tick(at: datetime, span_s: float, zone: tzinfo | None = None) -> str:
    """A mark on the time axis of a chart over `span_s` seconds: time, weekday, day, or month."""
    if span_s <= _DAY_S:
        return clock(at, zone)
    if span_s <= 7 * _DAY_S:
        return conventions().weekdays[local(at, zone).weekday()]
    if span_s <= 60 * _DAY_S:
        return conventions().date.format(**_parts(local(at, zone)))
    return conventions().months[local(at, zone).month - 1]


def zone_caption(at: datetime, zone: tzinfo | None = None) -> str:
    """Europe/Madrid (UTC+2): the zone of `local`, with the offset that held at the instant."""
    there = local(at, zone)
    minutes = round((there.utcoffset() or timedelta()).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "\N{MINUS SIGN}" if minutes < 0 else "+"
    offset = "UTC" + (f"{sign}{hours}" if minutes else "") + (f":{rest:02}" if rest else "")
    name = str(zone) if zone is not None else zone_name()
    return (
        offset
        if name in ("", "UTC", offset)
        else pgettext("time zone", "{name} ({offset})").format(name=name, offset=offset)
    )


@cache
def zone_name() -> str:
    """The device's zone as IANA calls it; empty where the system does not tell."""
    if sys.platform == "emscripten":
        from js import Intl  # noqa: PLC0415  exists in the browser only

        return str(Intl.DateTimeFormat.new().resolvedOptions().timeZone)
    named = os.environ.get("TZ", "").removeprefix(":") or str(Path("/etc/localtime").resolve())
    return named.rpartition(_ZONEINFO)[2] if not named.startswith("/") or _ZONEINFO in named else ""


def _parts(day: datetime) -> dict[str, str]:
    ours = conventions()
    return {
        "day": str(day.day),
        "month": ours.months[day.month - 1],
        "year": str(day.year),
        "weekday": ours.weekdays[day.weekday()],
    }
