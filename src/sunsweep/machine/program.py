"""Wires one machine together and runs it."""

import asyncio
import logging
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from sunsweep.contract.commands import Order
from sunsweep.contract.payloads import Receipt, Status
from sunsweep.contract.refusal import Refused
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine.almanac import Almanac
from sunsweep.machine.backoff import Pace
from sunsweep.machine.commander import Commander
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.downlink import Downlink
from sunsweep.machine.entry import Message
from sunsweep.machine.guard import Delivery, Guard
from sunsweep.machine.latch import Latch
from sunsweep.machine.link import Link
from sunsweep.machine.link_watch import LinkWatch
from sunsweep.machine.notify import Notifier
from sunsweep.machine.pilot import Listener, Move, Pilot
from sunsweep.machine.ports import Clock, Hardware
from sunsweep.machine.remote_settings import RemoteSettings
from sunsweep.machine.rhythm import Rhythm
from sunsweep.machine.sampler import status_of, telemetry_of
from sunsweep.machine.start import keeper_in, memory_in, open_outbox
from sunsweep.machine.uplink import Uplink
from sunsweep.machine.voice import Voice

TICK_S: Final = 0.5
_log = logging.getLogger(__name__)


class Machine:
    """One machine: `run` it, and cancel it to switch it off."""

    def __init__(
        self,
        config: MachineConfig,
        hardware: Hardware,
        *,
        clock: Clock,
        random: Random,
        pace: Pace = Pace(),  # noqa: B008  frozen
        life: Notifier | None = None,
    ) -> None:
        self._life = life or Notifier({})
        self.sampled = asyncio.Event()
        self._config = config
        self._settings = RemoteSettings(config)
        in_force = self._settings.in_force
        self._almanac = clock = Almanac(clock)
        self._started_ms = clock.monotonic_ms()
        self._dated = False
        self._sample_now = asyncio.Event()
        self.outbox = open_outbox(config, random)
        guard = Guard(clock, memory=memory_in(self.outbox), keep=keeper_in(self.outbox))
        self._commander = Commander(guard, self._number, self._configure)
        self._latch = Latch(self.outbox)
        listeners: list[Listener] = [self._latch.hear, self._tell_move, self._commander.hear]
        self.pilot = Pilot(hardware, clock, interlocks=in_force.limits, listeners=listeners)
        self._link_watch = LinkWatch(config.link_lost, clock, self.pilot)
        topic = MachineTopic(config.company_id, config.machine_id, Channel.STATUS)
        self._uplink = Uplink(self.outbox, clock, topic=topic, receipts=config.receipts)
        self._voice = Voice(
            topic,
            outbox=self.outbox,
            uplink=self._uplink,
            downlink=Downlink(topic, on_command=self._obey, on_receipt=self._settle),
            status=lambda: status_of(self.pilot.state, self.pilot.reading),
            on_connected=self._sample_now.set,
            heartbeat_s=in_force.heartbeat_interval_s,
        )
        self._link = Link(config, clock, random=random, session=self._voice, pace=pace)

    @property
    def last_order(self) -> Order | None:
        """The newest one taken from outside."""
        return self._commander.last_order

    async def run(self) -> None:
        """Work until cancelled; then say farewell and leave."""
        try:
            await self.pilot.wake(emergency=self._latch.in_force)
            self._commander.wake()
            self._life.ready()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(), name=f"pilot-{self._config.machine_id}")
                group.create_task(self._sample(), name=f"sampler-{self._config.machine_id}")
                group.create_task(self._link.run(), name=f"link-{self._config.machine_id}")
        finally:
            self._life.stopping()
            try:
                await self.pilot.rest()
            finally:
                self.outbox.close()

    async def _watch(self) -> None:
        while True:
            await self.pilot.tick()
            self._life.alive()
            self._date()
            await self._link_watch.look(connected=self._voice.connected)
            await asyncio.sleep(TICK_S)

    async def _sample(self) -> None:
        """At each interval, and as soon as somebody can hear it."""
        rhythm = Rhythm(self.outbox.boot)
        while True:
            await rhythm.turn(self._settings.in_force.telemetry_interval_s, self._sample_now)
            await self.pilot.tick()
            self._number(telemetry_of(self.pilot.reading))
            self.sampled.set()

    async def _obey(self, delivery: Delivery) -> None:
        await self._commander.take(delivery, self.pilot)

    async def _configure(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What is set bites at once: the sampler and the heartbeat do not wait for what they were to wait for."""
        self._settings.set(params)
        in_force = self._settings.in_force
        self.pilot.interlocks = in_force.limits
        self._voice.beat_every(in_force.heartbeat_interval_s)
        self._sample_now.set()
        return await self._settings.keep()

    def _settle(self, receipt: Receipt) -> None:
        """Whoever gives receipts also wants to hear of losses."""
        self._almanac.told(receipt.now_ms)
        self._date()
        settled = self.outbox.settle(receipt)
        if self.outbox.tell(self._status_now(), self._almanac.now_ms()) or settled:
            self._uplink.receipted()

    def _tell_move(self, move: Move) -> None:
        self._number(replace(status_of(move.state, move.reading), session=self._voice.session))

    def _status_now(self) -> Status:
        return replace(status_of(self.pilot.state, self.pilot.reading), session=self._voice.session)

    def _date(self) -> None:
        """As soon as the date is known, what was measured before gets one."""
        if self._almanac.synchronised and not self._dated:
            self._dated = True
            now_ms, monotonic_ms = self._almanac.now_ms(), self._almanac.monotonic_ms()
            self.outbox.date(now_ms=now_ms, monotonic_ms=monotonic_ms, started_ms=self._started_ms)
            self._uplink.news.set()

    def _number(self, message: Message) -> None:
        """Into the outbox, on its way as soon as there is one."""
        try:
            self._put(message)
        except Refused as refused:
            _log.error("a message of our own is against the contract: %s", refused)
            return
        self._uplink.news.set()

    def _put(self, message: Message) -> None:
        self._date()
        if self._dated:
            self.outbox.put(message, self._almanac.now_ms())
        else:
            self.outbox.put(message, self._almanac.monotonic_ms(), dated=False)
