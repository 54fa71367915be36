"""One machine of a fleet that is simulated: the machine program's own outbox, window, back-off and messages, over MQTT
packets of our codec instead of a client library, so that ten thousand of them fit into one process.

Its body stands still and nobody is obeyed: a command is acknowledged and no more.
"""

import asyncio
import struct
import time
from random import Random
from typing import Final

import mqtt5
from msgspec.structs import replace

from sunsweep import __version__
from sunsweep.contract.codec import decode_receipt, encode_status
from sunsweep.contract.limits import MAX_BOOT
from sunsweep.contract.payloads import OFFLINE, OutboxReport, Receipt, Status
from sunsweep.contract.times import from_ms
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine.backoff import Backoff
from sunsweep.machine.connection import KEEPALIVE_S, TIMEOUT_S
from sunsweep.machine.link import STOOD_S
from sunsweep.machine.outbox import MemoryOutbox
from sunsweep.machine.ports import Activity, Reading, Run
from sunsweep.machine.rhythm import Rhythm
from sunsweep.machine.sampler import status_of, telemetry_of
from sunsweep.machine.states import State
from sunsweep.machine.window import Window
from sunsweep.mqtt.stream import PacketStream
from sunsweep.server.features.machines.service import Login

MAX_PACKET_BYTES: Final = 256 * 1024
SHORTEST_WAIT_S: Final = 0.05
FAILURE: Final = 0x80
PUBACK: Final = 0x4002_0000
SUBSCRIPTION_ID: Final = 1
"""Packet id of the one SUBSCRIBE of a connection."""
FIRST_STATUS_ID: Final = 2
PING: Final = mqtt5.PingReqPacket().write()


class Tally:
    """What all machines of a process have done so far."""

    def __init__(self) -> None:
        self.ready = 0
        """Connected, subscribed, and the first status acknowledged."""
        self.published = 0
        self.again = 0
        """Numbered messages that went out at QoS 1 more than once."""
        self.acknowledged = 0
        self.refused = 0
        """CONNACKs, SUBACKs and PUBACKs that said no."""
        self.receipts = 0
        self.failures = 0
        """Tries to connect that came to nothing."""
        self.full_at_ms = 0
        """When the last machine that was missing became ready."""
        self.away_s: list[float] = []
        """How long each machine was without a connection that it had, once it was ready again."""


class FleetMachine:
    """From `start` on it keeps a connection, samples, and says how it is; from `calm` on it samples no more.

    It is one `of` so many that share the tally.
    """

    def __init__(
        self, login: Login, port: int, *, interval_s: float, heartbeat_s: float, random: Random, tally: Tally, of: int
    ) -> None:
        self.login = login
        self.outbox = MemoryOutbox(random.randint(1, MAX_BOOT))
        self.ready = False
        self.status_topic = self._topic(Channel.STATUS)
        self.command_topic = self._topic(Channel.COMMAND)
        self.receipt_topic = self._topic(Channel.RECEIPT)
        self._topics = {channel: self._topic(channel) for channel in (Channel.TELEMETRY, Channel.STATUS)}
        self._port = port
        self._interval_s = interval_s
        self._heartbeat_s = heartbeat_s
        self._random = random
        self._tally = tally
        self._of = of
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff(random)
        self._tries: dict[int, int] = {}
        self._window = Window(self.outbox, tries=self._tries)
        self._sent_up_to = 0
        self._connections = 0
        self._link: _Link | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: asyncio.TimerHandle | None = None
        """For the next try to connect."""
        self._sampling: asyncio.TimerHandle | None = None
        self._beating: asyncio.TimerHandle | None = None
        self._idling: asyncio.TimerHandle | None = None
        self._sampled = Rhythm(self.outbox.boot)
        self._beaten = Rhythm(self.outbox.boot)
        self._lost_s: float | None = None
        self._calm = self._ended = False

    @property
    def session(self) -> tuple[int, int]:
        return self.outbox.boot, max(1, self._connections)

    def start(self) -> None:
        """Power on: it finds itself at its dock, which is a change, and connects."""
        self.outbox.put(self._status(), _now_ms())
        self._connect()

    def calm(self) -> None:
        """No new sample from now on; the machine stays, and so does its heartbeat."""
        self._calm = True
        if self._sampling is not None:
            self._sampling.cancel()

    async def end(self) -> None:
        """Leave without a word, and come back no more."""
        self._ended = True
        for timer in (self._waiting, self._sampling, self._beating, self._idling):
            if timer is not None:
                timer.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._link is not None:
            self._link.give_up()
            await asyncio.sleep(0)

    def connect_packet(self) -> bytes:
        """For the connection that is about to be made."""
        farewell = encode_status(Status(OFFLINE, session=(self.outbox.boot, self._connections + 1)))
        return mqtt5.ConnectPacket(
            self.login.mqtt_username,
            username=self.login.mqtt_username,
            password=self.login.mqtt_password.encode(),
            clean_start=True,
            keep_alive=KEEPALIVE_S,
            will=mqtt5.Will(self.status_topic, payload=farewell, qos=mqtt5.QoS.AT_LEAST_ONCE),
        ).write()

    def subscribe_packet(self) -> bytes:
        return mqtt5.SubscribePacket(
            SUBSCRIPTION_ID,
            [
                mqtt5.TopicFilter(self.command_topic, max_qos=mqtt5.QoS.AT_LEAST_ONCE, retain_as_published=False),
                mqtt5.TopicFilter(self.receipt_topic, max_qos=mqtt5.QoS.AT_MOST_ONCE, retain_as_published=False),
            ],
        ).write()

    def welcomed(self) -> None:
        """The broker has let it in."""
        self._connections += 1

    def subscribed(self) -> None:
        """The subscriptions stand: now it may say that it is here."""
        oldest = next(self.outbox.pending(), None)
        report = OutboxReport(len(self.outbox), None if oldest is None else from_ms(oldest.ts_ms))
        first = replace(self._status(), software=f"sunsweep-machine {__version__}", outbox=report)
        self._write(self.status_topic, encode_status(first), packet_id=FIRST_STATUS_ID)

    def announced(self) -> None:
        """The broker has its first status."""
        self.ready = True
        tally = self._tally
        tally.ready += 1
        if tally.ready == self._of:
            tally.full_at_ms = _now_ms()
        if self._lost_s is not None:
            tally.away_s.append(self._loop.time() - self._lost_s)
        self._window = Window(self.outbox, tries=self._tries)
        self._beaten = Rhythm(self.outbox.boot)
        self._beat_later()
        self._sampled.turned(asked=True)
        self._sample()

    def settle(self, payload: bytes) -> None:
        """A receipt has come."""
        receipt: Receipt = decode_receipt(payload)
        self._tally.receipts += 1
        settled = self.outbox.settle(receipt)
        if self.outbox.tell(self._status(), _now_ms()) or settled:
            self._window.opened(self._loop.time())
            self._pump()

    def lost(self, link: "_Link") -> None:
        """The connection has ended."""
        if link is not self._link:
            return
        self._link = None
        if self.ready:
            self._tally.ready -= 1
            self._lost_s = self._loop.time()
        else:
            self._tally.failures += 1
        self.ready = False
        for timer in (self._beating, self._idling):
            if timer is not None:
                timer.cancel()
        if link.stood_s >= STOOD_S:
            self._backoff.reset()
        self._connect_later(self._backoff.longest_s() if link.refused else self._backoff.next_s())

    def refused(self) -> None:
        self._tally.refused += 1

    def acknowledged(self) -> None:
        self._tally.acknowledged += 1

    def _connect_later(self, wait_s: float) -> None:
        if not self._ended:
            self._waiting = self._loop.call_later(wait_s, self._connect)

    def _connect(self) -> None:
        self._connecting = self._loop.create_task(self._try_to_connect(), name=f"connect-{self.login.machine_id}")

    async def _try_to_connect(self) -> None:
        # Held before it stands: it may end before this task has heard of it.
        link = self._link = _Link(self)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._loop.create_connection(lambda: link, "127.0.0.1", self._port)
        except (OSError, TimeoutError):
            link.give_up()
            self.lost(link)

    def _sample(self) -> None:
        """At each interval, and as soon as somebody can hear it."""
        if self._sampling is not None:
            self._sampling.cancel()
        if self._calm:
            self._pump()
            return
        self._sampling = self._loop.call_later(self._sampled.wait_s(self._interval_s), self._sample)
        self._sampled.turned(asked=False)
        self.outbox.put(telemetry_of(self._reading()), _now_ms())
        self._pump()

    def _reading(self) -> Reading:
        draw = self._random.random
        return Reading(
            Activity.DOCKED,
            Run(),
            battery_v=round(12.5 + draw(), 2),
            solar_v=round(20 + 2 * draw(), 2),
            solar_a=round(4 * draw(), 2),
            water_pct=80.0,
            temp_c=round(30 + 5 * draw(), 1),
            vibration_g=round(0.02 * draw(), 3),
        )

    def _status(self) -> Status:
        return replace(status_of(State.DOCKED, Reading(Activity.DOCKED)), session=self.session)

    def _beat_later(self) -> None:
        self._beating = self._loop.call_later(self._beaten.wait_s(self._heartbeat_s), self._beat)
        self._beaten.turned(asked=False)

    def _beat(self) -> None:
        self._beat_later()
        payload = encode_status(self._status())
        if self._window.closed:
            self._write(self.status_topic, payload)
        else:
            self._write(self.status_topic, payload, packet_id=self._next_id())

    def _pump(self) -> None:
        """Outbox to broker, as far as the window allows."""
        if not self.ready or self._link is None:
            return
        now_s = self._loop.time()
        while sendings := self._window.due(now_s):
            for entry, qos in sendings:
                packet_id = self._next_id() if qos else None
                self._tally.again += bool(qos) and entry.order <= self._sent_up_to
                self._sent_up_to = max(self._sent_up_to, entry.order)
                self._write(self._topics[entry.channel], entry.payload, packet_id=packet_id)
        if self._idling is not None:
            self._idling.cancel()
        self._idling = self._loop.call_later(max(SHORTEST_WAIT_S, self._window.wait_s(now_s)), self._pump)

    def _write(self, topic: str, payload: bytes, *, packet_id: int | None = None) -> None:
        if self._link is None:
            return
        self._tally.published += 1
        qos = mqtt5.QoS.AT_MOST_ONCE if packet_id is None else mqtt5.QoS.AT_LEAST_ONCE
        self._link.write(mqtt5.PublishPacket(topic, payload, qos=qos, packet_id=packet_id).write())

    def _next_id(self) -> int:
        assert self._link is not None
        return self._link.next_id()

    def _topic(self, channel: Channel) -> str:
        return str(MachineTopic(self.login.company_id, self.login.machine_id, channel))


class _Link(asyncio.Protocol):
    """One connection of a machine."""

    def __init__(self, machine: FleetMachine) -> None:
        self.refused = False
        self._machine = machine
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._stream = PacketStream(MAX_PACKET_BYTES)
        self._last_id = FIRST_STATUS_ID
        self._opened_s = self._out_s = self._in_s = self._loop.time()
        self._welcomed_s: float | None = None
        self._ping_s: float | None = None
        self._watching: asyncio.TimerHandle | None = None
        self._given_up = False

    @property
    def stood_s(self) -> float:
        return 0.0 if self._welcomed_s is None else self._loop.time() - self._welcomed_s

    def next_id(self) -> int:
        self._last_id = self._last_id % 65_535 + 1
        return self._last_id

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._out_s = self._loop.time()
            self._transport.write(data)

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        self._given_up = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # asyncio types the base, uvloop has its own class
        if self._given_up:
            transport.close()
            return
        self.write(self._machine.connect_packet())
        self._watching = self._loop.call_later(TIMEOUT_S, self._watch)

    def data_received(self, data: bytes) -> None:
        self._in_s, self._ping_s = self._loop.time(), None
        for packet in self._stream.feed(data):
            self._take(packet)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self._transport = None
        if self._watching is not None:
            self._watching.cancel()
        self._machine.lost(self)

    def _take(self, packet: mqtt5.Packet) -> None:
        machine = self._machine
        match packet:
            case mqtt5.PublishPacket():
                if packet.packet_id is not None:
                    self.write(struct.pack(">I", PUBACK | packet.packet_id))
                if packet.topic == machine.receipt_topic and packet.payload is not None:
                    machine.settle(packet.payload)
            case mqtt5.PubAckPacket():
                if packet.reason_code.value >= FAILURE:
                    machine.refused()
                machine.acknowledged()
                if packet.packet_id == FIRST_STATUS_ID and not machine.ready:
                    machine.announced()
            case mqtt5.ConnAckPacket():
                self._welcome(packet)
            case mqtt5.SubAckPacket():
                if any(code.value >= FAILURE for code in packet.reason_codes):
                    machine.refused()
                machine.subscribed()
            case _:
                return

    def _welcome(self, packet: mqtt5.ConnAckPacket) -> None:
        if packet.reason_code.value >= FAILURE:
            self.refused = True
            self._machine.refused()
            return
        self._welcomed_s = self._loop.time()
        self._machine.welcomed()
        self.write(self._machine.subscribe_packet())

    def _watch(self) -> None:
        """Pings where nothing else goes, and ends what answers no more."""
        now_s = self._loop.time()
        unanswered = self._ping_s is not None and now_s - self._ping_s >= KEEPALIVE_S
        if unanswered or (not self._machine.ready and now_s - self._opened_s >= TIMEOUT_S):
            if self._transport is not None:
                self._transport.abort()
            return
        quiet_s = now_s - min(self._out_s, self._in_s)
        if quiet_s >= KEEPALIVE_S and self._ping_s is None:
            self._ping_s = now_s
            self.write(PING)
            quiet_s = 0.0
        self._watching = self._loop.call_later(max(1.0, KEEPALIVE_S - quiet_s), self._watch)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
