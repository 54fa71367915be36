"""What the history draws: points, gaps, axes, stretches of states, and words of the ledger. Nothing of Flet."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunsweep.app.figures.lengths import length
from sunsweep.app.live.attention_state import AttentionState as State
from sunsweep.app.pages.machine.accounts import account_of, ranges_text
from sunsweep.app.pages.machine.charts.axes import held, scale, time_marks
from sunsweep.app.pages.machine.charts.frame import Frame, y_of
from sunsweep.app.pages.machine.charts.series import Point, Series, nearest, runs, series_of, thinned
from sunsweep.app.pages.machine.charts.spans import SECONDS, Span, Window, span_of, window
from sunsweep.app.pages.machine.charts.stretches import Order, at, bunches, changes_of, stretches

MADRID = ZoneInfo("Europe/Madrid")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def ms(text: str, zone: ZoneInfo = MADRID) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def sample(at_ms: int, *, received_ms: int | None = None, **values: Any) -> dict[str, Any]:
    fields = dict.fromkeys(("battery", "solar_v", "solar_a", "water"))
    return {"ts": iso(at_ms), **fields, "extra": {}, "received_at": iso(received_ms or at_ms), **values}


def line(*points: tuple[int, float], gap_ms: int = 90_000, width_ms: int | None = None) -> Series:
    return Series("battery", tuple(Point(at_ms, v, v, v) for at_ms, v in points), width_ms, gap_ms)


def test_a_span_ends_in_steps_so_that_nothing_moves_between_two_readings() -> None:
    first, second = window(Span.HOUR, 1_000_001), window(Span.HOUR, 1_004_999)
    assert first == second == Window(1_005_000 - HOUR_MS, 1_005_000)
    assert all(window(span, 10**12).length_ms == SECONDS[span] * 1000 for span in Span)
    assert span_of("7d") is Span.WEEK
    assert span_of("a fortnight") is Span.DAY


def test_samples_become_a_series_for_each_number() -> None:
    items = [
        sample(1000, battery=13.5, extra={"temp": 20.5, "mode": "eco", "on": True}),
        sample(31_000, battery=None, water=80, extra={"temp": 21}),
        sample(61_000, battery=13.4, extra={"acc": 1}, received_ms=400_000),
    ]
    found = {one.name: one for one in series_of(items, None, 30)}
    assert list(found) == ["battery", "water", "acc", "temp"]
    assert [point.mean for point in found["battery"].points] == [13.5, 13.4]
    assert [point.late_ms for point in found["battery"].points] == [None, 339_000]
    assert found["battery"].gap_ms == 90_000


def test_buckets_are_drawn_at_their_middle_with_their_spread() -> None:
    nothing = {f"{name}_{word}": None for name in ("solar_v", "solar_a", "water") for word in ("mean", "min", "max")}
    counts = {f"{name}_count": 0 for name in ("solar_v", "solar_a", "water")}
    bucket = {"battery_count": 4, "battery_mean": 13.0, "battery_min": 12.5, "battery_max": 13.5}
    extra = {"temp": {"count": 4, "mean": 20.0, "min": 18.0, "max": 22.0}}
    (battery, temp) = series_of([{"ts": iso(0), **nothing, **counts, **bucket, "extra": extra}], 120, 30)
    assert battery.points == (Point(60_000, 13.0, 12.5, 13.5, 4),)
    assert (temp.name, temp.low, temp.high, temp.gap_ms) == ("temp", 18.0, 22.0, 240_000)


def test_thinning_keeps_the_least_and_the_greatest() -> None:
    spiky = line(
        *((second * 1000, 50.0 if second == 777 else -3.0 if second == 901 else 13.0) for second in range(1800))
    )
    thin = thinned(spiky, 10_000)
    assert len(thin.points) == 180
    assert (thin.low, thin.high) == (spiky.low, spiky.high) == (-3.0, 50.0)
    assert sum(point.samples for point in thin.points) == 1800
    assert sum(point.mean * point.samples for point in thin.points) == pytest.approx(
        sum(point.mean for point in spiky.points)
    )
    assert all(
        before.at_ms + 10_000 == after.at_ms for before, after in zip(thin.points, thin.points[1:], strict=False)
    )


def test_what_has_room_is_not_thinned() -> None:
    sparse = line((0, 1.0), (60_000, 2.0))
    assert thinned(sparse, 3_000) is sparse
    buckets = line((30_000, 1.0), (90_000, 2.0), width_ms=60_000)
    assert thinned(buckets, 59_000) is buckets
    assert thinned(buckets, 61_000).width_ms == 120_000


def test_gaps_stay_gaps() -> None:
    broken = line((0, 1.0), (30_000, 1.0), (121_000, 2.0), (400_000, 3.0))
    assert [[point.at_ms for point in run] for run in runs(broken)] == [[0, 30_000], [121_000], [400_000]]
    assert runs(line()) == []
    assert nearest(broken, 118_000) == broken.points[2]
    assert nearest(broken, 250_000) is None
    assert nearest(line(), 0) is None


@pytest.mark.parametrize(
    ("low", "high", "at_least", "marks"),
    [
        (12.9, 13.6, 0.0, [12.8, 13.0, 13.2, 13.4, 13.6]),
        (13.31, 13.32, 1.0, [12.75, 13.0, 13.25, 13.5, 13.75, 14.0]),
        (0, 100, 0.0, [0, 20, 40, 60, 80, 100]),
        (0, 0.02, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (5, 5, 0.0, [4.6, 4.8, 5.0, 5.2, 5.4]),
        (-12, 31, 0.0, [-20, 0, 20, 40]),
    ],
)
def test_a_scale_has_round_figures_around_the_values(
    low: float, high: float, at_least: float, marks: list[float]
) -> None:
    found = scale(low, high, at_least=at_least)
    assert found.low <= low <= high <= found.high
    assert len(found.marks()) <= 6
    assert found.marks() == pytest.approx(marks)


def test_a_scale_stays_while_it_fits() -> None:
    before = scale(12.0, 14.0)
    assert held(before, scale(12.4, 13.7), 12.4, 13.7) is before
    assert held(before, (wider := scale(11.0, 14.0)), 11.0, 14.0) is wider
    assert held(before, (finer := scale(13.0, 13.1)), 13.0, 13.1) is finer
    assert held(None, before, 12.0, 14.0) is before


def test_decimals_tell_one_mark_from_the_next() -> None:
    assert [scale(0, high).decimals for high in (100, 5, 1, 0.1, 1.2)] == [0, 0, 1, 2, 2]


def test_marks_of_time_are_round_on_the_readers_clock() -> None:
    end = ms("2026-11-28T20:07:00")
    hour = time_marks(Window(end - HOUR_MS, end), most=8, zone=MADRID)
    assert hour[:2] == [ms("2026-11-28T19:10:00"), ms("2026-11-28T19:20:00")]
    week = time_marks(Window(end - 7 * DAY_MS, end), most=8, zone=MADRID)
    assert week == [ms(f"2026-11-{day}T00:00:00") for day in range(22, 29)]
    month = time_marks(Window(end - 30 * DAY_MS, end), most=8, zone=MADRID)
    assert month[:3] == [ms(f"2026-11-{day:02}T00:00:00") for day in (1, 6, 11)]
    year = time_marks(Window(end - 365 * DAY_MS, end), most=8, zone=MADRID)
    assert [datetime.fromtimestamp(at / 1000, MADRID).month for at in year] == [1, 3, 5, 7, 9, 11]


def test_full_hours_stay_full_when_the_clock_is_set_back() -> None:
    begin = ms("2026-10-24T22:00:00")
    marks = time_marks(Window(begin, begin + DAY_MS), most=13, zone=MADRID)
    assert [datetime.fromtimestamp(at / 1000, MADRID).hour for at in marks] == [
        22,
        0,
        2,
        4,
        6,
        8,
        10,
        12,
        14,
        16,
        18,
        20,
    ]
    assert marks == sorted(marks)


@pytest.mark.parametrize("most", [2, 5, 9, 14])
@pytest.mark.parametrize("span", list(Span))
def test_marks_of_time_are_never_more_than_there_is_room_for(span: Span, most: int) -> None:
    seen = window(span, ms("2026-03-29T12:34:00"))
    marks = time_marks(seen, most=most, zone=MADRID)
    assert 1 <= len(marks) <= most
    assert all(seen.begin_ms <= at_ms <= seen.end_ms for at_ms in marks)


def test_places_on_a_drawing() -> None:
    frame = Frame(Window(0, 1000), 560.0)
    assert frame.x(0) == frame.left
    assert frame.x(2000) == frame.right
    assert frame.at_ms(frame.x(250)) == pytest.approx(250)
    assert (frame.at_ms(-5), frame.at_ms(9999)) == (0, 1000)
    assert [y_of(value, scale(0, 10), 0, 100) for value in (0, 5, 10)] == [100, 50, 0]


def test_states_become_stretches() -> None:
    said = [(0, "Idle"), (100, "Running"), (150, None), (200, " running"), (300, "Offline"), (400, "Fault")]
    changes = changes_of({"ts": iso(at_ms), "status": status} for at_ms, status in said)
    found = stretches(changes, Window(50, 1000), 900)
    assert [(one.begin_ms, one.end_ms, one.state, one.is_open) for one in found] == [
        (50, 100, State.IDLE, False),
        (100, 200, State.WORKING, False),
        (200, 300, State.WORKING, False),
        (300, 400, State.OFFLINE, False),
        (400, 900, State.FAULT, True),
    ]
    assert at(found, 350) == found[3]
    assert at(found, 950) is None


def test_nothing_is_known_of_a_machine_that_is_offline() -> None:
    changes = changes_of([{"ts": iso(100), "status": "Running"}])
    found = stretches(changes, Window(0, 1000), 900, offline_since_ms=600)
    assert [(one.begin_ms, one.end_ms, one.state) for one in found] == [
        (100, 600, State.WORKING),
        (600, 900, State.OFFLINE),
    ]
    assert stretches([], Window(0, 1000), 900) == []


def test_commands_that_would_lie_on_each_other_are_one_mark() -> None:
    orders = [Order(str(at_ms), at_ms, "pause", "succeeded", "", "") for at_ms in (500, 0, 90, 110)]
    assert [[order.at_ms for order in bunch] for bunch in bunches(orders, 100)] == [[0, 90], [110], [500]]


def numbers(*ranges: list[Any], truncated: bool = False) -> dict[str, Any]:
    count = sum(one[1] - one[0] + 1 for one in ranges)
    return {"count": count, "ranges": list(ranges), "truncated": truncated}


def boot(**changes: Any) -> dict[str, Any]:
    whole = {
        "boot": 5, "last": 4320, "ended": False, "complete": True, "stored": numbers([1, 4320]),
        "rejected": numbers(), "given_up": numbers(), "not_yet_arrived": numbers(),
        "first_day": "2026-11-27", "last_day": "2026-11-28",
    }  # fmt: skip
    return whole | changes


NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_an_account_without_trouble() -> None:
    account = account_of(boot(), NOW)
    assert account.title == "4,320 of 4,320 messages here"
    assert account.days == "Nov 27 to Nov 28"
    assert account.is_whole
    assert (account.rejected, account.given_up, account.missing) == ((), None, None)


def test_an_account_with_all_kinds_of_trouble() -> None:
    account = account_of(
        boot(
            complete=False,
            stored=numbers([1, 4000]),
            rejected=numbers([4001, 4002, "too_late"], [4005, 4005, "bad_field"], [4006, 4006, "too_late"]),
            given_up=numbers([4003, 4004]),
            not_yet_arrived=numbers([4007, 4320]),
            last_day="2026-11-27",
        ),
        NOW,
    )
    assert account.title == "4,000 of 4,320 messages here"
    assert account.days == "Nov 27"
    assert not account.is_whole
    assert [(one.words, one.numbers) for one in account.rejected] == [
        ("3 refused: The message came too late to be kept", "4,001 to 4,002 · 4,006"),
        ("1 refused: A field has the wrong type or value", "4,005"),
    ]
    assert account.given_up is not None
    assert account.given_up.words == "2 given up by the machine: it will not send them any more"
    assert account.missing is not None
    assert account.missing.words == "314 not here yet: they wait in the machine, or are on their way"
    assert account.missing.numbers == "4,007 to 4,320"


def test_many_ranges_are_not_all_told() -> None:
    assert ranges_text([[n, n] for n in range(20)], truncated=False).endswith("7 · …")
    assert ranges_text([[1, 2]], truncated=True) == "1 to 2 · …"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(45.9, "45 s"), (60, "1 min"), (3599, "59 min"), (7200, "2 h"), (12_000, "3 h 20 min"), (86_400, "1 day")],
)
def test_lengths(seconds: float, text: str) -> None:
    assert length(seconds) == text
