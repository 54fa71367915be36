"""Commands to the broker. One process at a time, under a lease checked before every publish."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from sunsweep.contract.refusal import Refused
from sunsweep.contract.topics import (
    Channel,
    Event,
    all_events,
    all_machines,
    is_machine_topic,
    parse_event_topic,
    parse_machine_topic,
)
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import Client, Message, MqttError, OnMessages, Subscription
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server import metrics
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.db.lease import LeaseKeeper
from sunsweep.server.dispatch import repository
from sunsweep.server.dispatch.marks import Marks
from sunsweep.server.dispatch.outgoing import Outgoing
from sunsweep.server.dispatch.readback import ReadBack
from sunsweep.server.dispatch.repository import Target
from sunsweep.server.dispatch.rollout import Rollout
from sunsweep.server.dispatch.round import Round
from sunsweep.server.dispatch.turns import Turns
from sunsweep.server.dispatch.unanswered import Unanswered
from sunsweep.server.events import is_about_stop

log = structlog.get_logger(__name__)

SWEEP_S: Final = 5.0
LOOK_S: Final = 1.0
NEW_WITHIN_MS: Final = 3_000
"""How far back a look goes for what came into the queue without a word, as from the command line."""
AT_ONCE: Final = 200
KEEP_ALIVE_S: Final = 1
"""So short that the broker has let go of a process that stands still before its lease can lapse, 7.5 s later at the
earliest: mosquitto does so after one and a half times this, and up to 5 s more, because it looks only every 5 s.
"""
SUBSCRIPTIONS: Final = (Subscription(all_machines(Channel.STATUS), 0), Subscription(all_events(Event.WAKE), 0))

Connect = Callable[[tuple[Subscription, ...], OnMessages], Client]
"""Makes the client that has these subscriptions and hands on what they bring."""


def over(connection: ConnectionSettings) -> Connect:
    """A connection to the broker."""

    def connect(subscriptions: tuple[Subscription, ...], on_messages: OnMessages) -> Client:
        connected = metrics.MQTT_CONNECTIONS.labels("dispatch").inc
        return MqttClient(connection, subscriptions=subscriptions, on_messages=on_messages, on_connected=connected)

    return connect


class Dispatcher:
    """Sends what is queued: when told of a new command, at a machine's status, and in a sweep every 5 s."""

    def __init__(self, database: Database, connect: Connect, *, now_ms: Clock) -> None:
        self._database = database
        self._now_ms = now_ms
        self._lease = LeaseKeeper(database, "dispatch", now_ms=now_ms)
        self._client = connect(SUBSCRIPTIONS, self._told)
        self._readback = ReadBack()
        marks = Marks(database, self._client, now_ms=now_ms)
        self._round = Round(
            database,
            outgoing=Outgoing(self._client, may_send=lambda: self._may_send, now_ms=now_ms),
            marks=marks,
            readback=self._readback,
            may_send=lambda: self._may_send,
            cut_off=lambda: self._lease.held and not self._client.connected,
            now_ms=now_ms,
        )
        self._unanswered = Unanswered(database, self._round, marks, self._readback, now_ms=now_ms)
        self._rollout = Rollout(database, self._client, now_ms)
        self._waiting: set[Target] = set()
        self._turns = Turns()
        self._look_due = self._sweep_due = False
        self._has_just_looked = False
        self._something = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._client.run(), name="dispatch-client")
            tasks.create_task(self._lease.run(), name="dispatch-lease")
            tasks.create_task(self._work_for_ever(), name="dispatch-work")
            tasks.create_task(self._tick_for_ever(), name="dispatch-tick")
            tasks.create_task(self._roll_out_for_ever(), name="dispatch-rollout")

    @property
    def _may_send(self) -> bool:
        return self._lease.held and self._client.connected

    def _told(self, messages: Sequence[Message]) -> None:
        for message in messages:
            try:
                if is_machine_topic(message.topic):
                    self._status(message)
                else:
                    event = parse_event_topic(message.topic)
                    self._call((event.company_id, event.machine_id), stop=is_about_stop(message.payload))
            except Refused:
                continue

    def _status(self, message: Message) -> None:
        topic = parse_machine_topic(message.topic)
        target = (topic.company_id, topic.machine_id)
        if not message.retain:
            self._readback.heard(target, message.payload)
            if self._readback.proved:
                self._something.set()
        if self._unanswered.heard(target):
            self._look_due = True
            self._something.set()
        if target in self._waiting:
            self._call(target)

    def _call(self, target: Target, *, stop: bool = False) -> None:
        self._turns.call(target, stop=stop)
        self._something.set()

    async def _tick_for_ever(self) -> None:
        """Time passes: looks and sweeps are due. One task works, so that no two of its deeds meet."""
        sweep_at = 0.0
        while True:
            now = asyncio.get_running_loop().time()
            self._look_due = True
            if now >= sweep_at:
                self._sweep_due, sweep_at = True, now + SWEEP_S
            self._something.set()
            await asyncio.sleep(LOOK_S)

    async def _roll_out_for_ever(self) -> None:
        while True:
            if self._lease.held:
                await _guarded(self._rollout.step())
            await asyncio.sleep(LOOK_S)

    async def _work_for_ever(self) -> None:
        while True:
            await self._something.wait()
            deed = self._next()
            if deed is None:
                self._something.clear()
            else:
                await _guarded(deed)

    def _next(self) -> Awaitable[None] | None:
        """Stops go before all else, and what somebody called for before what a sweep has found."""
        if self._readback.proved:
            return self._unanswered.confirm()
        if self._turns.stops:
            return self._send()
        # In turn with what was called for: thousands of these keep no open stop waiting, nor it them.
        if self._look_due and not (self._has_just_looked and self._turns.called):
            self._look_due = False
            return self._look()
        if self._turns.called:
            return self._send()
        if self._sweep_due:
            self._sweep_due = False
            return self._sweep()
        return self._send() if self._turns else None

    async def _send(self) -> None:
        self._has_just_looked = False
        these = self._turns.take(AT_ONCE)
        # From here on: a status that comes meanwhile is to be heeded.
        self._waiting.update(these)
        self._waiting.difference_update(set(these) - await self._round.send(these))

    async def _look(self) -> None:
        """What is new in the queue, and the stops whose machines have not confirmed them."""
        self._has_just_looked = True
        async with self._database.read() as session:
            new = await repository.waiting_machines(session, since_ms=self._now_ms() - NEW_WITHIN_MS)
        for target, queue in new.items():
            if queue.has_stop or target not in self._waiting:
                self._call(target, stop=queue.has_stop)
        if self._may_send:
            await self._unanswered.send_again()

    async def _sweep(self) -> None:
        """Every machine with something queued, and what was sent and never answered."""
        async with self._database.read() as session:
            waiting = await repository.waiting_machines(session)
        metrics.COMMANDS_QUEUED.set(sum(queue.commands for queue in waiting.values()))
        self._waiting.update(waiting)
        self._turns.sweep(waiting)
        if self._lease.held:
            await self._unanswered.tell()


async def _guarded(deed: Awaitable[None]) -> None:
    try:
        await deed
    except DATABASE_AWAY as error:
        log.warning("commands wait: the database takes nothing", error=str(error))
    except MqttError as error:
        log.warning("commands wait: the broker takes nothing", error=str(error))
