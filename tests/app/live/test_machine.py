"""One machine folded from rows and frames."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sunsweep.app.live.machine import MOST_COMMANDS, MachineNow
from sunsweep.app.live.readings import Reading
from tests.app.live.rows import NOW_MS, frame, iso, online, row

STATES = ("queued", "sent", "accepted", "running", "succeeded")
IDS = tuple(f"0190{n:04x}-0000-7000-8000-000000000000" for n in range(3))


def machine() -> MachineNow:
    return MachineNow("M-1", lambda: NOW_MS)


def seen(found: MachineNow) -> dict[str, Any]:
    return {name: getattr(found, name) for name in MachineNow.__slots__ if name != "_now_ms"}


@st.composite
def lives(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Frames of an hour, each of another millisecond, and each command's states in the order of a life."""
    number = draw(st.integers(1, 25))
    times = sorted(draw(st.sets(st.integers(1, 3_600_000), min_size=number, max_size=number)))
    steps = dict.fromkeys(IDS, 0)
    found = []
    for back_ms in times:
        at_ms = NOW_MS - 3_600_001 + back_ms
        kind = draw(st.sampled_from(["telemetry", "status", "presence", "command_state"]))
        if kind == "telemetry":
            values = draw(st.dictionaries(st.sampled_from(["battery", "water", "solar_v"]), st.floats(0, 50)))
            data = {**values, "extra": draw(st.dictionaries(st.sampled_from(["temp", "x"]), st.integers(0, 9)))}
        elif kind == "status":
            words = st.sampled_from(["Idle", "Running", "Foo", None])
            data = {"status": draw(words), "area": draw(st.one_of(st.none(), st.floats(0, 9)))}
        elif kind == "presence":
            data = {"presence": draw(st.sampled_from(["online", "stale"])), "since": iso(at_ms), "cause": "heard"}
        else:
            command_id = draw(st.sampled_from(IDS))
            state = STATES[min(steps[command_id], len(STATES) - 1)]
            steps[command_id] += 1
            data = {"id": command_id, "state": state, "reason": "", "changed_at": iso(at_ms)}
        found.append(frame(kind, at_ms, data))
    return found


@given(lives(), st.randoms(use_true_random=False))
def test_frames_may_come_in_any_order_and_twice(frames: list[dict[str, Any]], random: Any) -> None:
    in_order, shuffled = machine(), machine()
    for one in frames:
        in_order.take_frame(one)
    mixed = [*frames, *random.sample(frames, len(frames) // 2)]
    random.shuffle(mixed)
    for one in mixed:
        shuffled.take_frame(one)
    assert seen(in_order) == seen(shuffled)


@given(lives())
def test_a_row_of_before_hides_no_frame(frames: list[dict[str, Any]]) -> None:
    before_ms = NOW_MS - 3_600_001
    old = row(current={"status": "Docked", "ts": iso(before_ms), "telemetry": {"battery": 1, "ts": iso(before_ms)}})
    first, last = machine(), machine()
    first.take_row(old, asked_ms=before_ms)
    for one in frames:
        first.take_frame(one)
        last.take_frame(one)
    last.take_row(old, asked_ms=before_ms)
    assert seen(first) == seen(last)


def test_each_value_has_its_own_time() -> None:
    found = machine()
    found.take_frame(frame("telemetry", NOW_MS - 60_000, {"battery": 13.1, "water": 80}))
    found.take_frame(frame("telemetry", NOW_MS - 1_000, {"battery": 13.0, "flow": 2, "extra": {"temp": 31}}))
    assert found.sample == {
        "battery": Reading(13.0, NOW_MS - 1_000),
        "water": Reading(80, NOW_MS - 60_000),
        "flow": Reading(2, NOW_MS - 1_000),
        "temp": Reading(31, NOW_MS - 1_000),
    }
    assert found.heard_ms == found.sample_ms == NOW_MS - 1_000


def test_the_tank_and_the_water_of_a_run_are_two_things() -> None:
    found = machine()
    found.take_frame(frame("telemetry", NOW_MS - 2, {"water": 80}))
    found.take_frame(frame("status", NOW_MS - 1, {"status": "Running", "water": 12.5}))
    assert found.sample["water"].value == 80
    assert found.run["water"].value == 12.5


def test_a_clock_that_is_ahead_makes_no_value_of_tomorrow() -> None:
    found = machine()
    found.take_frame(frame("telemetry", NOW_MS + 200_000, {"battery": 13}))
    assert found.sample["battery"].at_ms == NOW_MS


def test_a_will_is_presence_and_leaves_the_last_word() -> None:
    found = machine()
    found.take_frame(frame("status", NOW_MS - 9, {"status": "Running"}))
    found.take_frame(frame("status", NOW_MS - 5, {"status": "Offline "}))
    assert (found.status, found.presence, found.presence_cause) == ("Running", "offline", "status")
    assert found.presence_ms == NOW_MS - 5
    assert found.heard_ms == NOW_MS - 9


def test_who_speaks_after_a_farewell_is_here() -> None:
    found = machine()
    found.take_row(row(current=online()), asked_ms=NOW_MS - 60)
    found.take_frame(frame("status", NOW_MS - 50, {"status": "offline"}))
    found.take_frame(frame("telemetry", NOW_MS - 51, {"battery": 13}))
    assert found.presence == "offline", "what it measured before it went says nothing"
    found.take_frame(frame("telemetry", NOW_MS - 40, {"battery": 13}))
    assert (found.presence, found.presence_ms) == ("online", NOW_MS - 40)
    found.take_row(row(current=online(NOW_MS - 45)), asked_ms=NOW_MS - 30)
    assert found.presence == "online"


def test_a_snapshot_of_the_fleet_says_when_it_was_heard() -> None:
    found = machine()
    data = {
        "status": {"status": "Idle", "ts": iso(NOW_MS - 50)},
        "telemetry": {"battery": 13, "ts": iso(NOW_MS - 70)},
        "presence": "online",
        "since": iso(NOW_MS - 100),
        "cause": "heard",
        "heard_at": iso(NOW_MS - 40),
    }
    found.take_frame(frame("snapshot", NOW_MS, data))
    assert (found.status, found.heard_ms, found.presence_ms) == ("Idle", NOW_MS - 40, NOW_MS - 100)
    assert found.sample["battery"] == Reading(13, NOW_MS - 70)


def test_an_open_stop_is_open_until_it_has_ended() -> None:
    found = machine()
    stop = {"id": IDS[0], "command": "stop_cleaning", "state": "sent", "since": iso(NOW_MS - 100)}
    found.take_row(row(open_stop=stop, current=online()), asked_ms=NOW_MS - 50)
    assert found.open_stop is not None
    assert found.open_stop.command == "stop_cleaning"
    done = {"id": IDS[0], "state": "succeeded", "reason": "", "changed_at": iso(NOW_MS - 10)}
    found.take_frame(frame("command_state", NOW_MS - 10, done))
    assert found.open_stop_id is None
    # A row of before does not open it again.
    found.take_row(row(open_stop=stop), asked_ms=NOW_MS - 50)
    assert found.open_stop_id is None


def test_a_row_that_was_asked_for_before_a_stop_does_not_take_it_away() -> None:
    found = machine()
    given = {"id": IDS[1], "command": "stop_cleaning", "state": "queued", "reason": "", "open": True}
    found.take_command({**given, "changed_at": iso(NOW_MS - 10)})
    found.take_row(row(), asked_ms=NOW_MS - 20)
    assert found.open_stop_id == IDS[1]
    found.take_row(row(), asked_ms=NOW_MS - 5)
    assert found.open_stop_id is None


def test_a_state_does_not_name_its_command() -> None:
    found = machine()
    found.take_row(row(), asked_ms=NOW_MS)
    assert not found.lacks_words
    told = {"id": IDS[2], "state": "running", "reason": "", "changed_at": iso(NOW_MS - 10)}
    found.take_frame(frame("command_state", NOW_MS - 10, told))
    assert found.last_command is not None
    assert found.last_command.command == ""
    found.take_frame(frame("command", NOW_MS - 20, {"id": IDS[2], "command": "start_cleaning", "params": {}}))
    assert not found.lacks_words
    assert (found.last_command.command, found.last_command.state) == ("start_cleaning", "running")


def test_commands_are_kept_in_bounds() -> None:
    found = machine()
    for n in range(200):
        told = {"id": f"0190{n:04x}", "state": "queued", "reason": "", "changed_at": iso(NOW_MS - 1000 + n)}
        found.take_frame(frame("command_state", NOW_MS, told))
    assert len(found.commands) == MOST_COMMANDS
    assert found.last_command is not None
    assert found.last_command.id == "019000c7"


@given(
    st.sampled_from(["telemetry", "status", "command", "result", "lagged", "strange"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=8,
    ),
    st.text(max_size=30) | st.none(),
)
def test_no_payload_of_a_machine_breaks_the_page(kind: str, data: Any, ts: str | None) -> None:
    wild = {"type": kind, "machine_id": "M-1", "ts": ts, "data": data}
    if kind == "lagged":
        wild["data"] = {"lost": 3}
    machine().take_frame(wild)
