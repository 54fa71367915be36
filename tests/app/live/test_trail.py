"""The last hour of a machine's values."""

from sunsweep.app.live.trail import MINUTES, POWER, Trail
from tests.app.live.rows import NOW_MS, frame, iso

MINUTE_MS = 60_000


def test_a_minute_is_the_mean_of_its_samples() -> None:
    trail = Trail()
    for seconds, volts in ((1, 13.0), (31, 14.0)):
        trail.take_frame(frame("telemetry", NOW_MS + seconds * 1000, {"battery": volts}))
    [[dot]] = trail.runs("battery", NOW_MS)
    assert (dot.minute, dot.value) == (NOW_MS // MINUTE_MS, 13.5)


def test_samples_rollups_and_frames_make_one_curve() -> None:
    trail = Trail()
    trail.take_rows([{"ts": iso(NOW_MS - 2 * MINUTE_MS), "battery": 13.0, "extra": {"temp": 20}, "received_at": "x"}])
    trail.take_rows(
        [
            {
                "ts": iso(NOW_MS - MINUTE_MS),
                "count": 30,
                "battery_count": 30,
                "battery_mean": 13.2,
                "battery_min": 13.0,
                "battery_max": 13.4,
                "extra": {"temp": {"count": 30, "mean": 21.5, "min": 21, "max": 22}},
            }
        ]
    )
    trail.take_frame(frame("telemetry", NOW_MS, {"battery": 13.4, "extra": {"temp": 22.0}}))
    assert [[dot.value for dot in run] for run in trail.runs("battery", NOW_MS)] == [[13.0, 13.2, 13.4]]
    assert [[dot.value for dot in run] for run in trail.runs("temp", NOW_MS)] == [[20.0, 21.5, 22.0]]


def test_power_is_of_one_sample() -> None:
    trail = Trail()
    trail.take_frame(frame("telemetry", NOW_MS, {"solar_v": 20.0, "solar_a": 4.0}))
    trail.take_frame(frame("telemetry", NOW_MS + 1000, {"solar_v": 30.0}))
    [[dot]] = trail.runs(POWER, NOW_MS)
    assert dot.value == 80.0


def test_a_gap_stays_a_gap_and_rare_samples_are_none() -> None:
    broken, rare = Trail(), Trail()
    for minute in (0, 1, 2, 9, 10):
        broken.take_frame(frame("telemetry", NOW_MS + minute * MINUTE_MS, {"battery": 13.0}))
    for minute in (0, 10, 20, 30):
        rare.take_frame(frame("telemetry", NOW_MS + minute * MINUTE_MS, {"battery": 13.0}))
    assert [len(run) for run in broken.runs("battery", NOW_MS + 10 * MINUTE_MS)] == [3, 2]
    assert [len(run) for run in rare.runs("battery", NOW_MS + 30 * MINUTE_MS)] == [4]


def test_what_is_older_than_an_hour_goes() -> None:
    trail = Trail()
    trail.take_frame(frame("telemetry", NOW_MS, {"battery": 13.0}))
    trail.take_frame(frame("telemetry", NOW_MS + MINUTES * MINUTE_MS, {"battery": 14.0}))
    assert [[dot.value for dot in run] for run in trail.runs("battery", NOW_MS + MINUTES * MINUTE_MS)] == [[14.0]]


def test_what_is_no_number_is_no_curve() -> None:
    trail = Trail()
    trail.take_frame(frame("telemetry", NOW_MS, {"battery": None, "extra": {"door": True, "mode": "eco"}}))
    trail.take_frame(frame("status", NOW_MS, {"water": 3.0}))
    assert [trail.runs(name, NOW_MS) for name in ("battery", "door", "mode", "water")] == [()] * 4
