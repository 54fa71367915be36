"""What a machine was doing, from its changes of state: stretches of time, and the commands that fell into them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sunsweep.app.live.attention import shown_status
from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.net.server_clock import read_ms
from sunsweep.app.pages.machine.charts.spans import Window

_FAREWELL: Final = "offline"


class Change(NamedTuple):
    """From when on it was so; `said` is the machine's own word."""

    at_ms: int
    state: AttentionState
    said: str


class Stretch(NamedTuple):
    """From `begin_ms` to before `end_ms`; `is_open`: nothing has changed it yet."""

    begin_ms: int
    end_ms: int
    state: AttentionState
    said: str
    is_open: bool = False


class Order(NamedTuple):
    """A command as far as a mark tells of it."""

    id: str
    at_ms: int
    command: str
    state: str
    reason: str
    by: str


def changes_of(items: Iterable[Mapping[str, Any]]) -> list[Change]:
    """Of rows of `status/history`; one that says nothing of the state changes none."""
    found = []
    for item in items:
        said, at_ms = item["status"], read_ms(item["ts"])
        if at_ms is not None and isinstance(said, str) and said.strip():
            is_farewell = said.strip().casefold() == _FAREWELL
            found.append(Change(at_ms, AttentionState.OFFLINE if is_farewell else shown_status(said), said))
    return found


def orders_of(items: Iterable[Mapping[str, Any]]) -> list[Order]:
    """Of commands of the API."""
    return [
        Order(
            item["id"],
            read_ms(item["issued_at"]) or 0,
            item["command"],
            item["state"],
            item["reason"] or "",
            item.get("issued_by_name") or "",
        )
        for item in items
    ]


def stretches(
    changes: Sequence[Change], window: Window, now_ms: int, *, offline_since_ms: int | None = None
) -> list[Stretch]:
    """Of the window; the same state twice is one stretch, and before the first change nobody knows.

    `offline_since_ms`: nothing is known from then on, where the machine has not said so itself.
    """
    until_ms = min(window.end_ms, now_ms)
    marks = [change for change in changes if change.at_ms < until_ms]
    if offline_since_ms is not None and offline_since_ms < until_ms:
        marks = [change for change in marks if change.at_ms <= offline_since_ms]
        marks.append(Change(offline_since_ms, AttentionState.OFFLINE, _FAREWELL))
    found: list[Stretch] = []
    for index, change in enumerate(marks):
        is_last = index + 1 == len(marks)
        end_ms = until_ms if is_last else marks[index + 1].at_ms
        begin_ms = max(change.at_ms, window.begin_ms)
        if found and found[-1].said.casefold() == change.said.casefold():
            found[-1] = found[-1]._replace(end_ms=max(found[-1].end_ms, end_ms), is_open=is_last)
        elif end_ms > begin_ms:
            found.append(Stretch(begin_ms, end_ms, change.state, change.said, is_open=is_last))
    return found


def at(found: Sequence[Stretch], at_ms: float) -> Stretch | None:
    """The stretch that holds a time."""
    return next((one for one in found if one.begin_ms <= at_ms < one.end_ms), None)


def bunches(orders: Sequence[Order], apart_ms: float) -> list[list[Order]]:
    """Commands in the order of time, those together that would lie on each other."""
    found: list[list[Order]] = []
    for order in sorted(orders, key=lambda one: one.at_ms):
        if found and order.at_ms - found[-1][0].at_ms < apart_ms:
            found[-1].append(order)
        else:
            found.append([order])
    return found
