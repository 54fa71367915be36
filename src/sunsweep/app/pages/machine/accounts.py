"""What became of a machine's numbered messages, in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sunsweep.app.figures.numbers import number
from sunsweep.app.figures.times import date, instant
from sunsweep.app.look.refusals import message_words
from sunsweep.app.words import _, listed, ngettext, pgettext

SHOWN: Final = 8
"""Ranges told one by one."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that did not go as usual: how many, in words, and which numbers."""

    words: str
    numbers: str


@dataclass(frozen=True, slots=True)
class Account:
    """One start of a machine's program."""

    boot: int
    title: str
    days: str
    is_whole: bool
    """Everything that the machine numbered is here."""
    rejected: tuple[Line, ...]
    given_up: Line | None
    missing: Line | None


def account_of(boot: Json, now: datetime) -> Account:
    """Of one item of the ledger of the API."""
    stored, last = boot["stored"]["count"], boot["last"]
    title = ngettext("{n} of {all} message here", "{n} of {all} messages here", last).format(
        n=number(stored), all=number(last)
    )
    return Account(
        boot=boot["boot"],
        title=title,
        days=_days(boot, now),
        is_whole=stored == last,
        rejected=_rejected(boot["rejected"]),
        given_up=_given_up(boot["given_up"]),
        missing=_missing(boot["not_yet_arrived"]),
    )


def ranges_text(ranges: Sequence[Sequence[Any]], *, truncated: bool) -> str:
    """Such as 7 · 100 to 111."""
    parts = [
        number(first)
        if first == last
        else pgettext("numbers", "{first} to {last}").format(first=number(first), last=number(last))
        for first, last, *_reason in ranges[:SHOWN]
    ]
    if truncated or len(ranges) > SHOWN:
        parts.append("…")
    return listed(parts)


def _days(boot: Json, now: datetime) -> str:
    """UTC days of the ledger; a day has no hour, so it is not shifted to the reader's zone."""
    if not boot["first_day"]:
        return _("nothing has arrived yet")
    first, last = (instant(f"{boot[name]}T12:00:00Z") for name in ("first_day", "last_day"))
    if boot["first_day"] == boot["last_day"]:
        return date(first, now=now)
    return _("{begin} to {end}").format(begin=date(first, now=now), end=date(last, now=now))


def _rejected(numbers: Json) -> tuple[Line, ...]:
    """A line each reason."""
    by_reason: dict[str, list[Sequence[Any]]] = {}
    for one in numbers["ranges"]:
        by_reason.setdefault(one[2], []).append(one)
    lines = []
    for reason, ranges in by_reason.items():
        count = sum(last - first + 1 for first, last, _reason in ranges)
        words = ngettext("{n} refused: {reason}", "{n} refused: {reason}", count).format(
            n=number(count), reason=message_words(reason)
        )
        lines.append(Line(words, ranges_text(ranges, truncated=numbers["truncated"])))
    return tuple(lines)


def _given_up(numbers: Json) -> Line | None:
    count = numbers["count"]
    if not count:
        return None
    words = ngettext(
        "{n} given up by the machine: it will not send it any more",
        "{n} given up by the machine: it will not send them any more",
        count,
    ).format(n=number(count))
    return Line(words, ranges_text(numbers["ranges"], truncated=numbers["truncated"]))


def _missing(numbers: Json) -> Line | None:
    count = numbers["count"]
    if not count:
        return None
    words = ngettext(
        "{n} not here yet: it waits in the machine, or is on its way",
        "{n} not here yet: they wait in the machine, or are on their way",
        count,
    ).format(n=number(count))
    return Line(words, ranges_text(numbers["ranges"], truncated=numbers["truncated"]))
