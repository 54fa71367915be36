"""A span of a machine's history, read from the API."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sunsweep.app.net.api import Api
from sunsweep.app.pages.machine.charts.series import Series, series_of
from sunsweep.app.pages.machine.charts.spans import LEAD_S, Span, Window, window
from sunsweep.app.pages.machine.charts.stretches import Change, Order, changes_of, orders_of

CHANGES_A_PAGE: Final = 5000
MOST_PAGES: Final = 4
"""Of changes and of commands: more of either are more than pixels."""
ORDERS_A_PAGE: Final = 200

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a page draws; `changes_end_ms`: so far the changes of state were read, where there are too many."""

    window: Window
    series: tuple[Series, ...]
    width_ms: int | None
    changes: tuple[Change, ...]
    changes_end_ms: int | None
    orders: tuple[Order, ...]


async def read(api: Api, machine_id: str, span: Span, *, now_ms: int, expected_s: int) -> Reading:
    """Raises `Refused` and `Away`."""
    seen = window(span, now_ms)
    (items, bucket_s), (changes, cut_ms), orders = await asyncio.gather(
        _samples(api, machine_id, seen), _changes(api, machine_id, seen, LEAD_S[span]), _orders(api, machine_id, seen)
    )
    series = tuple(series_of(items, bucket_s, expected_s))
    width_ms = None if bucket_s is None else bucket_s * 1000
    return Reading(seen, series, width_ms, tuple(changes), cut_ms, tuple(orders))


async def _samples(api: Api, machine_id: str, seen: Window) -> tuple[list[Json], int | None]:
    """At most 1,000 points, in pages where they cost the server much."""
    items: list[Json] = []
    cursor = ""
    while True:
        begin, end = rfc3339(seen.begin_ms), rfc3339(seen.end_ms)
        page = await api.telemetry(machine_id, from_=begin, to=end, resolution="auto", cursor=cursor)
        items += page["items"]
        cursor = page["next_cursor"] or ""
        if not cursor:
            return items, page["bucket_s"]


async def _changes(api: Api, machine_id: str, seen: Window, lead_s: int) -> tuple[list[Change], int | None]:
    found: list[Change] = []
    cursor = ""
    begin, end = rfc3339(seen.begin_ms - lead_s * 1000), rfc3339(seen.end_ms)
    for _page in range(MOST_PAGES):
        page = await api.status_history(machine_id, from_=begin, to=end, cursor=cursor, limit=CHANGES_A_PAGE)
        found += changes_of(page.items)
        cursor = page.next_cursor or ""
        if not cursor:
            return found, None
    return found, found[-1].at_ms if found else seen.begin_ms


async def _orders(api: Api, machine_id: str, seen: Window) -> list[Order]:
    """The newest first, so the first one that is too old is the end."""
    found: list[Order] = []
    cursor = ""
    for _page in range(MOST_PAGES):
        page = await api.commands(machine_id, cursor=cursor, limit=ORDERS_A_PAGE)
        orders = orders_of(page.items)
        found += [order for order in orders if seen.begin_ms <= order.at_ms < seen.end_ms]
        cursor = page.next_cursor or ""
        if not cursor or (orders and orders[-1].at_ms < seen.begin_ms):
            break
    return found


def rfc3339(ms: int) -> str:
    """For the API."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")
