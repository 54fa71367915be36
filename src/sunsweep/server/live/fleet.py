"""A company's machines as somebody watches them all: the newest of each, and what has changed since the last tick.

The list shows no `extra`, and none is kept here: a company's machines may carry 64 KiB each.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

import msgspec

from sunsweep.contract.frames import FrameType, frame
from sunsweep.contract.payloads import OFFLINE, Status, Telemetry
from sunsweep.contract.times import iso
from sunsweep.contract.topics import EventTopic, MachineTopic
from sunsweep.mqtt.port import Message
from sunsweep.server import metrics
from sunsweep.server.events import Change, presence_data, read_change
from sunsweep.server.features.machines.current import Current, fold
from sunsweep.server.features.machines.repository import Roster
from sunsweep.server.features.machines.shapes import status_data, telemetry_data
from sunsweep.server.live.catch_up import SESSION, copy, differ, presence_is_news
from sunsweep.server.live.fleet_viewer import FleetViewer, Key
from sunsweep.server.live.hub import EVENT_FRAMES, SAME_WITHIN_MS, take_presence
from sunsweep.server.live.wire import Body, Heard, about, read

MAX_STRANGERS: Final = 10_000
"""Messages of machines that are not known yet; what is beyond comes from the database, by the next look."""

LOOKS: Final = 3
"""How often the newest states are read again after something may have been missed, once a second: the first for what
was under way, the third for a newest sample that waited for its second."""

_SAMPLE: Final = ("battery", "solar_v", "solar_a", "water")
_sample_of: Final = attrgetter(*_SAMPLE)
_STATUS: Final = ("status", "energy", "run_water", "area")
_SAID: Final = {"status": "status", "energy": "energy", "water": "run_water", "area": "area"}
"""Fields of a status, by the columns that keep them."""
_PRESENCE: Final = ("presence", "presence_since", "presence_cause")
_MAX_SHOWN: Final = 4
SETTLED_MS: Final = 10_000
"""So long after it came a message is in the database, or the database is behind by more than we can tell."""

News = tuple[FrameType, int, Any]
"""Type, instant (ms) and data of a frame."""


@dataclass(slots=True)
class Member:
    """A machine: its id, its newest state, the values of the newest samples that were frames."""

    machine_id: int
    current: Current
    shown: tuple[tuple[object, ...], ...] = ()

    def fold(self, heard: Heard) -> bool:
        """Whether the message is news."""
        current = self.current
        is_news = fold(current, heard.body, heard.order_ms, heard.received_ms).news
        current.telemetry_extra = current.status_extra = None
        if is_news and isinstance(heard.body, Telemetry):
            self.shown = (*self.shown[1 - _MAX_SHOWN :], _sample_of(current))
        return is_news

    def whole(self, body: Body, payload: bytes) -> Any:
        """The machine's JSON; a status with what it leaves as it was, for it may take the place of one that said it."""
        if not isinstance(body, Status):
            return msgspec.Raw(payload)
        left = {
            name: value
            for name, column in _SAID.items()
            if getattr(body, name) in (None, "") and (value := getattr(self.current, column)) is not None
        }
        return {**msgspec.json.decode(payload, type=dict[str, msgspec.Raw]), **left} if left else msgspec.Raw(payload)

    def snapshot(self) -> dict[str, Any]:
        """As in a single machine's, without `extra`, and when the machine was heard."""
        now = self.current
        heard_at = iso(now.heard_at) if now.heard_at else None
        presence = presence_data(now.presence, now.presence_since, now.presence_cause)
        return {"status": status_data(now), "telemetry": telemetry_data(now), **presence, "heard_at": heard_at}

    def take_in(self, row: Current, *, now_ms: int) -> Iterator[News]:
        """Where the database knows better, it is the newest state; what viewers have not seen of it.

        The same message has slightly different times here and there, so its values decide whether it was seen. Where
        nothing has come for a while the database is right.
        """
        now = self.current
        is_anew = False
        is_unseen = (
            row.telemetry_at and row.telemetry_at > (now.telemetry_at or 0) and _sample_of(row) not in self.shown
        )
        is_settled = _is_settled(row.telemetry_at, now.telemetry_at, now_ms)
        if row.telemetry_at and (is_unseen or is_settled) and _sample_of(row) != _sample_of(now):
            copy(now, row, (*_SAMPLE, "telemetry_at"))
            yield FrameType.TELEMETRY, row.telemetry_at, telemetry_data(now)
            is_anew = True
        is_newer = row.status_at and row.status_at > (now.status_at or 0)
        is_settled = _is_settled(row.status_at, now.status_at, now_ms)
        if row.status_at and (is_newer or is_settled) and differ(now, row, _STATUS):
            copy(now, row, (*_STATUS, *SESSION, "status_at"))
            # Its state, also of one that has said farewell since: that is its presence.
            yield FrameType.STATUS, row.status_at, {**(status_data(row) or {}), "status": row.status}
            is_anew = True
        if presence_is_news(now, row):
            is_anew |= (row.presence, row.presence_cause) != (now.presence, now.presence_cause)
            copy(now, row, _PRESENCE)
        elif now.presence == "online":
            is_anew = False
        if is_anew:
            # Also where it is none: its words, told of just now, let a machine look present that is not.
            yield FrameType.PRESENCE, now.presence_since, presence_data(*(getattr(now, name) for name in _PRESENCE))
        now.heard_at, now.seen_at = max(now.heard_at, row.heard_at), max(now.seen_at, row.seen_at)


def _is_settled(stored_ms: int | None, known_ms: int | None, now_ms: int) -> bool:
    """Whether the newest is stored, and has been for a while; not where the database has fallen behind."""
    stored, known = stored_ms or 0, known_ms or 0
    return stored >= known - SAME_WITHIN_MS and now_ms - max(stored, known) > SETTLED_MS


@dataclass(eq=False)
class Fleet:
    """A company that somebody watches."""

    company_id: int
    viewers: set[FleetViewer] = field(default_factory=set)
    members: dict[str, Member] = field(default_factory=dict)
    known: bool = False
    """Whether its machines have been read."""
    roster: Roster | None = None
    """As it was before they were read."""
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    looks: int = LOOKS
    """How often they are to be read again."""
    read_at_s: float = 0.0
    _strangers: deque[Message] = field(default_factory=lambda: deque(maxlen=MAX_STRANGERS))
    _changed: dict[Key, News] = field(default_factory=dict)
    _states: dict[str, int] = field(default_factory=dict)
    """By command, the instant of the newest state of this tick."""
    _states_before: dict[str, int] = field(default_factory=dict)
    """The same of the tick before."""

    @property
    def has_strangers(self) -> bool:
        """Whether somebody speaks who is not known yet."""
        return bool(self._strangers)

    def take(self, message: Message) -> None:
        """Take in a message of the broker; raises `Refused`."""
        topic = about(message.topic)
        member = self.members.get(topic.machine_id)
        if member is None:
            self._strangers.append(message)
        elif isinstance(topic, MachineTopic):
            self._machine(member, message, topic)
        else:
            self._event(member, message, topic)

    def _machine(self, member: Member, message: Message, topic: MachineTopic) -> None:
        heard = read(message, topic.channel)
        if heard is not None and member.fold(heard):
            data = member.whole(heard.body, message.payload)
            self.offer(topic.machine_id, FrameType(topic.channel), heard.ts_ms, data, _farewell(heard.body))

    def _event(self, member: Member, message: Message, topic: EventTopic) -> None:
        kind = EVENT_FRAMES.get(topic.event)
        if kind is None:
            return
        if kind is FrameType.PRESENCE and not take_presence(member.current, message.payload):
            return
        which = ""
        if kind is FrameType.COMMAND_STATE:
            change = read_change(message.payload)
            which = change.id
            if not self._is_newest(change):
                return
        self.offer(topic.machine_id, kind, message.received_ms, msgspec.Raw(message.payload), which)

    def _is_newest(self, change: Change) -> bool:
        """Two processes tell of a command's states: what is older by its own time comes last now and then."""
        if change.at_ms < max(self._states.get(change.id, 0), self._states_before.get(change.id, 0)):
            return False
        self._states[change.id] = change.at_ms
        return True

    def offer(self, serial: str, kind: FrameType, ts_ms: int, data: Any, which: str = "") -> None:
        """For the next tick; it takes the place of what it supersedes."""
        key = (serial, kind, which)
        if self._changed.pop(key, None) is not None:
            metrics.FLEET_SUPERSEDED.inc()
        self._changed[key] = (kind, ts_ms, data)

    def tick(self) -> None:
        """Hand what has changed to all viewers."""
        self._states, self._states_before = {}, self._states
        if not self._changed:
            return
        changed, self._changed = self._changed, {}
        frames = [(key, frame(kind, key[0], ts_ms, data)) for key, (kind, ts_ms, data) in changed.items()]
        for kind, _, _ in changed.values():
            metrics.FRAMES.labels(kind).inc(len(self.viewers))
        for viewer in self.viewers:
            viewer.offer(frames)

    def take_in(self, serial: str, row: Current, *, now_ms: int) -> None:
        """What the database says of a machine."""
        member = self.members.get(serial)
        if member is not None and member.machine_id == row.machine_id:
            for kind, ts_ms, data in member.take_in(row, now_ms=now_ms):
                self.offer(serial, kind, ts_ms, data)
            return
        self.members[serial] = member = Member(row.machine_id, row)
        if self.known:
            self.offer(serial, FrameType.SNAPSHOT, now_ms, member.snapshot())

    def end(self, serials: Collection[str], *, now_ms: int) -> None:
        """These are the company's no longer: that is the last that is said of them."""
        for key in [key for key in self._changed if key[0] in serials]:
            del self._changed[key]
        for serial in serials:
            del self.members[serial]
            self.offer(serial, FrameType.PRESENCE, now_ms, presence_data("offline", now_ms, "archived"))

    def introduce(self, *, since_ms: int) -> Iterable[Message]:
        """What was said by those who were not known, to be taken anew.

        What they said before `since_ms`, when the machines began to be read, is forgotten of those who still are not.
        """
        said = list(self._strangers)
        self._strangers.clear()
        return [
            message
            for message in said
            if message.received_ms >= since_ms or about(message.topic).machine_id in self.members
        ]


def _farewell(body: Body) -> str:
    """What sets a farewell apart: it does not take the place of the state before, in which the machine comes back."""
    return OFFLINE if isinstance(body, Status) and body.offline else ""
