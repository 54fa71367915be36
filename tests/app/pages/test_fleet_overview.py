"""The list of the fleet: who is in it, how many, and where."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.app.live.fleet import Change, Fleet
from sunsweep.app.net.server_clock import ServerClock
from sunsweep.app.pages.fleet.overview import PAGE, Overview
from sunsweep.app.pages.fleet.sorting import natural
from sunsweep.app.pages.fleet.wish import Column, Show, Wish, wish_of
from tests.app.live.rows import NOW_MS, frame, iso, online, row


def clock() -> ServerClock:
    return ServerClock(monotonic=lambda: 0.0, wall=lambda: NOW_MS / 1000)


def machine(machine_id: str, status: str, *, battery: float | None = None, **more: Any) -> dict[str, Any]:
    sample = None if battery is None else {"ts": iso(NOW_MS - 5_000), "battery": battery, "extra": {}}
    return row(machine_id, current=online(status=status, ts=iso(NOW_MS - 5_000), telemetry=sample), **more)


async def told(fleet: Fleet, overview: Overview, *frames: dict[str, Any]) -> tuple[Change, Any]:
    """What the overview makes of the next change."""
    changes: list[Change] = []
    end = fleet.listen(changes.append)
    fleet.take_frames(frames)
    while not changes:
        await asyncio.sleep(0)
    end()
    return changes[0], overview.told(changes[0], is_complete=True)


async def fleet_of(*rows: dict[str, Any]) -> Fleet:
    fleet = Fleet(clock(), every_s=0.0)
    changes: list[Change] = []
    end = fleet.listen(changes.append)
    fleet.take_rows(rows, asked_ms=NOW_MS)
    while not changes:
        await asyncio.sleep(0)
    end()
    return fleet


async def test_the_worst_stands_first_and_rows_by_their_number() -> None:
    fleet = await fleet_of(
        machine("C", "Running", name="Row 10"),
        machine("B", "Running", name="Row 2"),
        machine("A", "Fault", name="Row 30"),
    )
    assert Overview(fleet, Wish()).shown == ["A", "B", "C"]


async def test_counts_filter() -> None:
    fleet = await fleet_of(
        machine("A", "Fault"), machine("B", "Running"), machine("C", "Charging"), row("D"), machine("E", "dancing")
    )
    overview = Overview(fleet, Wish())
    assert overview.counts == {Show.ALL: 5, Show.ATTENTION: 1, Show.WORKING: 1, Show.IDLE: 1, Show.OFFLINE: 1}
    for show, machine_id in (
        (Show.ATTENTION, "A"), (Show.WORKING, "B"), (Show.IDLE, "C"), (Show.OFFLINE, "D"),
    ):  # fmt: skip
        overview.choose(Wish(show=show))
        assert overview.shown == [machine_id]


@pytest.mark.parametrize(
    ("q", "tag", "shown"),
    [
        ("sun-2", "", ["SUN-2"]),
        ("NORTH", "", ["SUN-1", "SUN-2"]),
        ("north roof", "", ["SUN-1"]),
        ("", "north", ["SUN-1", "SUN-2"]),
        ("hall", "north", []),
    ],
)
async def test_the_search_looks_at_serial_name_and_tags(q: str, tag: str, shown: list[str]) -> None:
    fleet = await fleet_of(
        machine("SUN-1", "Idle", name="Roof", tags=["north"]),
        machine("SUN-2", "Idle", name="Yard", tags=["north", "old"]),
        machine("SUN-3", "Idle", name="Hall", tags=["south"]),
    )
    overview = Overview(fleet, Wish(q=q, tag=tag))
    assert overview.shown == shown
    assert overview.tags == ("north", "old", "south")


async def test_what_has_no_value_is_last_either_way() -> None:
    fleet = await fleet_of(machine("A", "Idle"), machine("B", "Idle", battery=13.1), machine("C", "Idle", battery=12.9))
    overview = Overview(fleet, Wish(sort=Column.BATTERY))
    assert overview.shown == ["C", "B", "A"]
    overview.choose(Wish(sort=Column.BATTERY, is_reversed=True))
    assert overview.shown == ["B", "C", "A"]


async def test_rows_keep_their_place_until_somebody_sorts_again() -> None:
    fleet = await fleet_of(machine("A", "Running"), machine("B", "Running"), machine("C", "Running"))
    overview = Overview(fleet, Wish())
    _change, news = await told(fleet, overview, frame("status", NOW_MS - 1_000, {"status": "Fault"}, "C"))
    assert (news.counts, news.rows) == (True, True)
    assert (overview.shown, overview.is_out_of_order) == (["A", "B", "C"], True)
    overview.sort_again()
    assert (overview.shown, overview.is_out_of_order) == (["C", "A", "B"], False)


async def test_a_value_that_moves_nothing_is_no_news() -> None:
    fleet = await fleet_of(machine("A", "Running"), machine("B", "Running"))
    overview = Overview(fleet, Wish())
    _change, news = await told(fleet, overview, frame("telemetry", NOW_MS - 1_000, {"battery": 13.0}, "B"))
    assert (news.counts, news.rows) == (False, False)


async def test_who_comes_to_fit_comes_last_and_who_ceases_to_stays() -> None:
    fleet = await fleet_of(machine("A", "Running"), machine("B", "Fault"))
    overview = Overview(fleet, Wish(show=Show.ATTENTION))
    await told(fleet, overview, frame("status", NOW_MS - 1_000, {"status": "Emergency stop"}, "A"))
    await told(fleet, overview, frame("status", NOW_MS - 1_000, {"status": "Running"}, "B"))
    assert (overview.shown, overview.is_out_of_order) == (["B", "A"], True)
    overview.sort_again()
    assert overview.shown == ["A"]


async def test_who_is_gone_is_out_of_the_list() -> None:
    fleet = await fleet_of(machine("A", "Running"), machine("B", "Running"))
    overview = Overview(fleet, Wish())
    fleet.drop("A")
    _change, news = await told(fleet, overview)
    assert news.rows
    assert (overview.shown, overview.counts[Show.ALL]) == (["B"], 1)


async def test_the_counts_follow_the_changes() -> None:
    """Kept up by difference, they are those that counting anew gives."""
    fleet = await fleet_of(*(machine(f"M-{n}", "Running") for n in range(20)))
    overview = Overview(fleet, Wish())
    for step, word in enumerate(["Fault", "Charging", "Paused", "offline", "Emergency stop", "dancing"] * 5):
        at_ms = NOW_MS - 4_000 + step
        await told(fleet, overview, frame("status", at_ms, {"status": word}, f"M-{step * 7 % 20}"))
    assert {**overview.counts} == dict.fromkeys(overview.counts, 0) | {**Overview(fleet, Wish()).counts}


async def test_pages_hold_fifty_and_another_one_is_not_sorted_anew() -> None:
    fleet = await fleet_of(*(machine(f"M-{n:03}", "Running") for n in range(120)))
    overview = Overview(fleet, Wish())
    assert (overview.pages, len(overview.on_page), overview.on_page[0]) == (3, PAGE, "M-000")
    await told(fleet, overview, frame("status", NOW_MS - 1_000, {"status": "Fault"}, "M-110"))
    overview.choose(Wish(page=3))
    assert (overview.on_page[0], len(overview.on_page), overview.is_out_of_order) == ("M-100", 20, True)
    overview.choose(Wish(page=9))
    assert overview.page == 3


@given(
    st.builds(
        Wish,
        show=st.sampled_from(Show),
        q=st.text(max_size=20),
        tag=st.text(max_size=20),
        sort=st.sampled_from(Column),
        is_reversed=st.booleans(),
        page=st.integers(1, 999),
        is_map=st.booleans(),
    )
)
def test_an_address_says_the_whole_wish(wish: Wish) -> None:
    assert wish_of(wish.address()) == wish


@pytest.mark.parametrize("address", ["/", "/?show=nobody&sort=-colour&page=-2", "/?page=9999999999&view=x", "/?%%%"])
def test_what_an_address_says_wrongly_is_not_said(address: str) -> None:
    assert wish_of(address) == Wish()


def test_the_usual_is_not_said() -> None:
    assert Wish().address() == "/"
    assert Wish(show=Show.ATTENTION).address() == "/?show=attention"
    assert Wish().sorted_by(Column.BATTERY).address() == "/?sort=battery"
    assert Wish().sorted_by(Column.BATTERY).sorted_by(Column.BATTERY).address() == "/?sort=-battery"


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_names_can_be_sorted(names: list[str]) -> None:
    assert sorted(names, key=natural) is not None


async def test_while_the_list_comes_in_it_is_sorted_as_it_comes() -> None:
    fleet = await fleet_of(machine("B", "Running"))
    overview = Overview(fleet, Wish(), is_complete=False)
    overview.told(Change(frozenset({"B"}), order=True), is_complete=False)
    fleet.take_rows([machine("A", "Fault")], asked_ms=NOW_MS)
    await told(fleet, overview, frame("status", NOW_MS - 1_000, {"status": "Fault"}, "A"))
    assert (overview.shown, overview.is_out_of_order) == (["A", "B"], False)
