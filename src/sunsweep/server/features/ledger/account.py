"""What became of a boot's messages: last = stored + rejected + given up + not yet arrived, each number once."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sunsweep.server.features.ledger.ranges import Range, Refused, count, minus, refused_union, union


class Day(NamedTuple):
    """Of a boot and a UTC day: rows stored, their numbers, and the numbers rejected. Boot 0 has no numbers."""

    rows: int
    stored: tuple[Range, ...]
    rejected: tuple[Refused, ...]


class Account(NamedTuple):
    """The ranges of a boot, as far as `last`."""

    last: int
    stored: list[Range]
    rejected: list[Refused]
    given_up: list[Range]
    missing: list[Range]


class Totals(NamedTuple):
    """How many numbers each part of an account holds."""

    stored: int
    rejected: int
    given_up: int
    missing: int


def balance(days: Iterable[Day], losses: Sequence[Range], end: int) -> Account:
    """What was stored counts as stored, whatever else was said of it; what was rejected is not given up.

    `losses` and `end` are the machine's own words; `end` is 0 while the boot has not ended.
    """
    found = tuple(days)
    stored = union(part for day in found for part in day.stored)
    rejected = refused_union((part for day in found for part in day.rejected), stored)
    known = union([*stored, *((first, last) for first, last, _ in rejected)])
    given_up = minus(losses, known)
    settled = union([*known, *given_up])
    last = max(end, settled[-1][1] if settled else 0)
    return Account(last, stored, rejected, given_up, minus([(1, last)], settled))


def totals(account: Account) -> Totals:
    rejected = count((first, last) for first, last, _ in account.rejected)
    return Totals(count(account.stored), rejected, count(account.given_up), count(account.missing))
