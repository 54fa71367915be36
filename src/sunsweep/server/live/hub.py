"""Machine topics to the sockets that watch them: one subscription a machine, however many viewers."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Final

import msgspec

from sunsweep.contract.frames import FrameType, frame
from sunsweep.contract.payloads import Stamp, Telemetry
from sunsweep.contract.refusal import Refused
from sunsweep.contract.topics import (
    FROM_MACHINE,
    Channel,
    Event,
    MachineTopic,
    is_machine_topic,
    machine_events,
    parse_event_topic,
    parse_machine_topic,
)
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import Message
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server import metrics
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Machine
from sunsweep.server.events import read_presence
from sunsweep.server.features.accounts.roles import Principal
from sunsweep.server.features.machines.current import Current, fold
from sunsweep.server.live.revoke import revoke_for_ever
from sunsweep.server.live.subscriptions import subscribe, unsubscribe
from sunsweep.server.live.viewer import MAX_WAITING, Viewer
from sunsweep.server.live.wire import read

Key = tuple[int, str]
"""(company id, serial): the subscription names the viewer's company, so nobody sees another's machine."""

EVENT_FRAMES: Final = {
    Event.COMMAND: FrameType.COMMAND,
    Event.COMMAND_STATE: FrameType.COMMAND_STATE,
    Event.PRESENCE: FrameType.PRESENCE,
}


SAMPLE: Final = ("battery", "solar_v", "solar_a", "water", "telemetry_extra")
SAME_WITHIN_MS: Final = 2000
"""So much later at most a message is read here than by the ingest."""
sample_of: Final = attrgetter(*SAMPLE)
"""The values of a newest state's sample."""


class Watched:
    """A machine somebody watches: who does, and its newest state, which late messages do not pass."""

    def __init__(self, serial: str) -> None:
        self.serial = serial
        self.viewers: set[Viewer] = set()
        self.current = Current(0)
        self.is_known = False
        """Whether the database has been asked for it."""
        self.shown: deque[tuple[object, ...]] = deque(maxlen=MAX_WAITING)
        """Values of the newest samples that were frames here."""
        self.ahead: tuple[tuple[object, ...], int] | None = None
        """Values and instant of the newest frame, where it was a sample that the database had before us."""
        self.connected_anew = asyncio.Event()
        """Set once, with the next connection to the broker."""
        self._newest: dict[Channel, tuple[int, int]] = {}

    def is_shown(self, sample: tuple[object, ...], order_ms: int) -> bool:
        """Whether the newest frame was this very sample."""
        ahead, self.ahead = self.ahead, None
        return ahead is not None and ahead[0] == sample and order_ms - ahead[1] <= SAME_WITHIN_MS

    def is_again(self, channel: Channel, stamp: Stamp) -> bool:
        """Whether it is the channel's newest frame once more: a machine repeats what is not receipted."""
        number = (stamp.boot, stamp.seq)
        again = stamp.numbered and self._newest.get(channel) == number
        self._newest[channel] = number
        return again

    def offer(self, kind: FrameType, ts_ms: int, data: object) -> None:
        text = frame(kind, self.serial, ts_ms, data)
        metrics.FRAMES.labels(kind).inc(len(self.viewers))
        for viewer in self.viewers:
            viewer.offer(text)


class Hub:
    """The process's live half: subscribed at the broker only for what is watched."""

    def __init__(self, connection: ConnectionSettings, database: Database) -> None:
        self._database = database
        self._client = MqttClient(connection, on_messages=self._take, on_connected=self._connected)
        self._watched: dict[Key, Watched] = {}
        self._changing = asyncio.Lock()
        metrics.FRAMES_WAITING_MAX.set_function(lambda: max((viewer.waiting for viewer in self._viewers()), default=0))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._client.run(), name="live-client")
            tasks.create_task(revoke_for_ever(self._database, self._viewers), name="live-revoke")

    @property
    def connected(self) -> bool:
        return self._client.connected

    @asynccontextmanager
    async def watch(self, machine: Machine, who: Principal) -> AsyncIterator[tuple[Watched, Viewer]]:
        """Frames of a machine from now on; while the broker is away there are none, and they come by themselves."""
        serial = machine.serial
        key, viewer = (machine.company_id, serial), Viewer(who, machine.id)
        async with self._changing:
            watched = self._watched.get(key)
            if watched is None:
                watched = self._watched[key] = Watched(serial)
                await subscribe(self._client, _topics(key))
            watched.viewers.add(viewer)
        metrics.VIEWERS.inc()
        try:
            yield watched, viewer
        finally:
            metrics.VIEWERS.dec()
            watched.viewers.discard(viewer)
            async with self._changing:
                if not watched.viewers and self._watched.get(key) is watched:
                    del self._watched[key]
                    await unsubscribe(self._client, _topics(key))

    def _viewers(self) -> list[Viewer]:
        """Of a moment, also for another thread that asks."""
        return [viewer for watched in list(self._watched.values()) for viewer in list(watched.viewers)]

    def _connected(self) -> None:
        """What was said meanwhile is in the database, or will be."""
        metrics.MQTT_CONNECTIONS.labels("live").inc()
        for watched in self._watched.values():
            watched.connected_anew.set()
            watched.connected_anew = asyncio.Event()

    def _take(self, messages: Sequence[Message]) -> None:
        for message in messages:
            try:
                if is_machine_topic(message.topic):
                    self._machine(message, parse_machine_topic(message.topic))
                else:
                    self._event(message)
            except Refused:
                # The ingest keeps it as a dead letter; viewers see only what can be stored.
                continue

    def _machine(self, message: Message, topic: MachineTopic) -> None:
        watched = self._watched.get((topic.company_id, topic.machine_id))
        heard = None if watched is None else read(message, topic.channel)
        if watched is None or heard is None:
            return
        if fold(watched.current, heard.body, heard.order_ms, heard.received_ms).news:
            if watched.is_again(topic.channel, heard.body.stamp):
                return
            if isinstance(heard.body, Telemetry):
                sample = sample_of(watched.current)
                watched.shown.append(sample)
                if watched.is_shown(sample, heard.order_ms):
                    return
            watched.offer(FrameType(topic.channel), heard.ts_ms, msgspec.Raw(message.payload))

    def _event(self, message: Message) -> None:
        topic = parse_event_topic(message.topic)
        watched = self._watched.get((topic.company_id, topic.machine_id))
        kind = EVENT_FRAMES.get(topic.event)
        if watched is None or kind is None:
            return
        if kind is FrameType.PRESENCE and not take_presence(watched.current, message.payload):
            return
        watched.offer(kind, message.received_ms, msgspec.Raw(message.payload))


def take_presence(current: Current, payload: bytes) -> bool:
    """What only the database knew: that the machine has fallen silent.

    Not where it has been heard since: two processes tell, and what comes last is not always the newest.
    """
    told = read_presence(payload)
    if told.presence == "stale" and current.presence == "online" and current.seen_at > told.since_ms:
        return False
    if told.since_ms > current.presence_since:
        current.presence, current.presence_since, current.presence_cause = told
    return True


def _topics(key: Key) -> list[str]:
    company_id, serial = key
    channels = [str(MachineTopic(company_id, serial, channel)) for channel in FROM_MACHINE]
    return [*channels, machine_events(company_id, serial)]
