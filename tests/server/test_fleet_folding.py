"""After quiet, what a viewer of a company has folded is what the database says, whatever was lost, late or replaced."""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from copy import copy
from typing import Any, Final

from hypothesis import example, given
from hypothesis import strategies as st

from sunsweep.contract.frames import FrameType
from sunsweep.contract.times import iso
from sunsweep.contract.topics import Channel
from sunsweep.mqtt.port import Message
from sunsweep.server.events import presence_data
from sunsweep.server.features.accounts.roles import Principal, Role
from sunsweep.server.features.machines.current import Current, fold
from sunsweep.server.live.fleet import SETTLED_MS, Fleet
from sunsweep.server.live.fleet_viewer import FleetViewer
from sunsweep.server.live.wire import read

START_MS: Final = 1_800_000_000_000
SAMPLES: Final = ("battery", "solar_v", "solar_a", "water")
RUN: Final = {"energy": "energy", "water": "run_water", "area": "area"}


def message(topic: str, data: object, at_ms: int) -> Message:
    return Message(topic, json.dumps(data).encode(), 0, retain=False, packet_id=None, connection=1, received_ms=at_ms)


class Seen:
    """What a viewer makes of its frames, as docs/live.md has it."""

    def __init__(self) -> None:
        self.viewer = FleetViewer(Principal(1, "", Role.VIEWER, 1, 0))
        self.telemetry: dict[str, Any] = {}
        self.status: dict[str, Any] = {}
        self.presence = "offline"
        self.commands: dict[str, str] = {}

    async def read(self) -> None:
        while (taken := await self.viewer.take(within_s=0))[1]:
            for text in taken[1]:
                one = json.loads(text)
                getattr(self, f"_{one['type']}")(one["data"])

    def _telemetry(self, data: dict[str, Any]) -> None:
        self.telemetry, self.presence = data, "online"

    def _status(self, data: dict[str, Any]) -> None:
        if data.get("status") == "offline":
            self.presence = "offline"
            return
        self.status |= {name: value for name, value in data.items() if value not in (None, "")}
        self.presence = "online"

    def _presence(self, data: dict[str, Any]) -> None:
        self.presence = data["presence"]

    def _command_state(self, data: dict[str, Any]) -> None:
        self.commands[data["id"]] = data["state"]


class Scene:
    """A machine, its row in the database, the stream of its company, an attentive viewer and a slow one."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.row = Current(1)
        self.fleet = Fleet(1)
        self.fleet.take_in("M", copy(self.row), now_ms=self.now_ms)
        self.fleet.known = True
        self.seen, self.slow = Seen(), Seen()
        self.fleet.viewers |= {self.seen.viewer, self.slow.viewer}
        self.unstored: deque[Message] = deque()
        self.untold: dict[str, deque[Message]] = {"ingest": deque(), "jobs": deque()}

    def say(self, channel: str, data: dict[str, Any], *, lost: bool, later_ms: int) -> None:
        topic = f"company/1/machine/M/{channel}"
        self.unstored.append(message(topic, data, self.now_ms + later_ms))
        if not lost:
            self.fleet.take(message(topic, data, self.now_ms))

    def store(self) -> None:
        if not self.unstored:
            return
        one = self.unstored.popleft()
        heard = read(one, Channel(one.topic.rpartition("/")[2]))
        assert heard is not None
        before = (self.row.presence, self.row.presence_since)
        fold(self.row, heard.body, heard.order_ms, heard.received_ms)
        if (self.row.presence, self.row.presence_since) != before:
            self._changed("ingest")

    def fall_silent(self) -> None:
        if self.row.presence == "online" and self.now_ms > self.row.seen_at + 1:
            self.row.presence, self.row.presence_cause, self.row.presence_since = (
                "stale",
                "silent",
                self.row.seen_at + 1,
            )
            self._changed("jobs")

    def _changed(self, who: str) -> None:
        data = presence_data(self.row.presence, self.row.presence_since, self.row.presence_cause)
        self.untold[who].append(message("sunsweep/event/1/M/presence", data, self.now_ms))

    def tell(self, who: str) -> None:
        if self.untold[who]:
            self.fleet.take(self.untold[who].popleft())

    def look(self) -> None:
        self.fleet.take_in("M", copy(self.row), now_ms=self.now_ms)

    async def quiet(self) -> None:
        while self.unstored:
            self.store()
        for who in self.untold:
            while self.untold[who]:
                self.tell(who)
        self.now_ms += SETTLED_MS + 10_000
        self.look()
        self.fleet.tick()
        for seen in (self.seen, self.slow):
            await seen.read()

    def check(self, seen: Seen) -> None:
        assert {name: seen.telemetry.get(name) for name in SAMPLES} == {n: getattr(self.row, n) for n in SAMPLES}
        assert seen.status.get("status") == self.row.status
        assert {name: seen.status.get(name) for name in RUN} == {n: getattr(self.row, c) for n, c in RUN.items()}
        assert seen.presence == self.row.presence


LOST = st.booleans()
LATER_MS = st.integers(-3, 3)
NUMBER = st.one_of(st.none(), st.integers(0, 3))
SAMPLE = st.fixed_dictionaries({}, optional=dict.fromkeys(SAMPLES, st.integers(0, 2)))
STATE = st.fixed_dictionaries(
    {}, optional={"status": st.sampled_from(["Idle", "Running", "", None]), **dict.fromkeys(RUN, NUMBER)}
)
ACT = st.one_of(
    st.tuples(st.just("telemetry"), SAMPLE, LOST, LATER_MS),
    st.tuples(st.just("status"), STATE, LOST, LATER_MS),
    st.tuples(st.just("status"), st.just({"status": "offline"}), LOST, LATER_MS),
    st.tuples(st.sampled_from(["store", "tick", "look", "read", "fall_silent", "ingest", "jobs"])),
)
Act = tuple[Any, ...]


@given(st.lists(st.tuples(st.integers(4, 3000), ACT), max_size=40))
@example([(4, ("status", {"status": "Running"}, False, 0)), (4, ("status", {"area": 1}, False, 0))])
@example([(4, ("status", {"status": "Running"}, False, 0)), (4, ("status", {"status": "offline"}, False, 0))])
def test_after_quiet_a_viewer_has_what_the_database_says(acts: Sequence[tuple[int, Act]]) -> None:
    asyncio.run(play(acts))


async def play(acts: Sequence[tuple[int, Act]]) -> None:
    scene = Scene()
    for after_ms, (act, *more) in acts:
        scene.now_ms += after_ms
        if act in ("telemetry", "status"):
            data, lost, later_ms = more
            scene.say(act, data, lost=lost, later_ms=later_ms)
        elif act in scene.untold:
            scene.tell(act)
        elif act == "tick":
            scene.fleet.tick()
        elif act == "read":
            await scene.seen.read()
        else:
            getattr(scene, act)()
    await scene.quiet()
    scene.check(scene.seen)
    scene.check(scene.slow)


def test_of_a_command_s_states_the_newest_stays_whoever_tells_last() -> None:
    async def scene() -> None:
        fleet = Scene()

        def tell(state: str, at_ms: int) -> None:
            data = {"id": "a", "state": state, "reason": "", "changed_at": iso(at_ms)}
            fleet.fleet.take(message("sunsweep/event/1/M/command_state", data, START_MS))

        tell("sent", START_MS + 20)
        tell("queued", START_MS)
        fleet.fleet.tick()
        tell("queued", START_MS)
        fleet.fleet.tick()
        for seen in (fleet.seen, fleet.slow):
            await seen.read()
            assert seen.commands == {"a": "sent"}

    asyncio.run(scene())


def test_a_status_frame_is_the_machine_s_json_and_what_it_left_unsaid() -> None:
    scene = Scene()
    scene.say("status", {"status": "Running", "energy": 2}, lost=False, later_ms=0)
    scene.say("status", {"energy": None, "mood": ["good"], "area": 3}, lost=False, later_ms=0)
    scene.fleet.tick()
    _, (text,) = asyncio.run(scene.seen.viewer.take(within_s=0))
    one = json.loads(text)
    assert one["type"] == FrameType.STATUS
    assert one["data"] == {"status": "Running", "energy": 2, "mood": ["good"], "area": 3}
