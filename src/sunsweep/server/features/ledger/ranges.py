"""Arithmetic of ranges of numbers, inclusive at both ends. What is returned is sorted, disjoint and not touching."""

from collections.abc import Iterable

Range = tuple[int, int]
Refused = tuple[int, int, str]
"""A range with the reason why it was rejected."""


def union(ranges: Iterable[Range]) -> list[Range]:
    """The numbers that are in any of them; backward ranges hold none."""
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if last < first:
            continue
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def minus(ranges: Iterable[Range], gone: Iterable[Range]) -> list[Range]:
    """The numbers that are in `ranges` and not in `gone`."""
    holes = union(gone)
    left: list[Range] = []
    at = 0
    for start, last in union(ranges):
        first = start
        while at < len(holes) and holes[at][1] < first:
            at += 1
        here = at
        while here < len(holes) and holes[here][0] <= last:
            if first < holes[here][0]:
                left.append((first, holes[here][0] - 1))
            first = holes[here][1] + 1
            here += 1
        if first <= last:
            left.append((first, last))
    return left


def count(ranges: Iterable[Range]) -> int:
    """How many numbers disjoint ranges hold."""
    return sum(last - first + 1 for first, last in ranges)


def refused_union(refused: Iterable[Refused], gone: Iterable[Range]) -> list[Refused]:
    """Each rejected number that is not in `gone`, once: with the first of its reasons in the alphabet."""
    by_reason: dict[str, list[Range]] = {}
    for first, last, reason in refused:
        by_reason.setdefault(reason, []).append((first, last))
    taken = union(gone)
    left: list[Refused] = []
    for reason in sorted(by_reason):
        new = minus(by_reason[reason], taken)
        left += [(first, last, reason) for first, last in new]
        taken = union([*taken, *new])
    return sorted(left)
