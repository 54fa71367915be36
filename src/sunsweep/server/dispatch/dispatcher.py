"""Commands to the broker. One process at a time, under a lease checked before every publish."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from msgspec import json

from sunsweep.contract.codec import encode_command
from sunsweep.contract.commands import STOP_RANK, is_stop_like
from sunsweep.contract.payloads import Command
from sunsweep.contract.refusal import Refused
from sunsweep.contract.topics import (
    Channel,
    Event,
    EventTopic,
    MachineTopic,
    all_events,
    all_machines,
    is_machine_topic,
    parse_event_topic,
    parse_machine_topic,
)
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import Client, Message, MqttError, NotConnectedError, OnMessages, Published, Subscription
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server import metrics
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.db.lease import LeaseKeeper
from sunsweep.server.db.models import CommandRow, Machine, MachineStatus
from sunsweep.server.dispatch import repository
from sunsweep.server.dispatch.repository import Queued, Target
from sunsweep.server.events import CommandChange, publish_change
from sunsweep.server.features.commands.lifecycle import State, change
from sunsweep.server.features.commands.service import back_to_queue
from sunsweep.server.tracing import span

log = structlog.get_logger(__name__)

SWEEP_S: Final = 5.0
BARE_EXPIRY_S: Final = 10
STOP_EXPIRY_S: Final = 900
ANSWER_WITHIN_MS: Final = 30_000
NOBODY_LISTENS: Final = "the machine is not connected; waiting for it"
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
        self._waiting: set[Target] = set()
        # In the order of arrival, each once: so they are bounded by the number of machines, and none starves.
        self._called: dict[Target, None] = {}
        self._swept: dict[Target, None] = {}
        self._something = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._client.run(), name="dispatch-client")
            tasks.create_task(self._lease.run(), name="dispatch-lease")
            tasks.create_task(self._send_for_ever(), name="dispatch-send")
            tasks.create_task(self._sweep_for_ever(), name="dispatch-sweep")

    @property
    def _may_send(self) -> bool:
        return self._lease.held and self._client.connected

    def _told(self, messages: Sequence[Message]) -> None:
        for message in messages:
            try:
                if is_machine_topic(message.topic):
                    topic = parse_machine_topic(message.topic)
                    target = (topic.company_id, topic.machine_id)
                    if target not in self._waiting:
                        continue
                else:
                    event = parse_event_topic(message.topic)
                    target = (event.company_id, event.machine_id)
            except Refused:
                continue
            self._called[target] = None
            self._something.set()

    async def _send_for_ever(self) -> None:
        while True:
            await self._something.wait()
            target = self._next_target()
            if target is None:
                self._something.clear()
            else:
                await self._guarded(target)

    def _next_target(self) -> Target | None:
        """What somebody called for goes before what the sweep has found."""
        targets = self._called or self._swept
        if not targets:
            return None
        target = next(iter(targets))
        del targets[target]
        return target

    async def _sweep_for_ever(self) -> None:
        while True:
            await self._guarded(None)
            await asyncio.sleep(SWEEP_S)

    async def _guarded(self, target: Target | None) -> None:
        try:
            if target is None:
                await self._sweep()
            else:
                await self._send_queued(target)
        except DATABASE_AWAY as error:
            log.warning("commands wait: the database takes nothing", error=str(error))
        except MqttError as error:
            log.warning("commands wait: the broker takes nothing", error=str(error))

    async def _sweep(self) -> None:
        """Look at every machine with something queued, and at what was sent and never answered."""
        async with self._database.read() as session:
            waiting = await repository.waiting_machines(session)
            silent = await repository.sent_before(session, before_ms=self._now_ms() - ANSWER_WITHIN_MS)
        metrics.COMMANDS_QUEUED.set(sum(waiting.values()))
        self._waiting.update(waiting)
        self._swept.update(dict.fromkeys(waiting))
        if self._swept:
            self._something.set()
        for row, machine in silent:
            if self._lease.held:
                await self._become(
                    row, machine, State.UNCONFIRMED, reason="sent, and the machine has said nothing since"
                )

    async def _send_queued(self, target: Target) -> None:
        """One after another, looking anew each time: a stop may have come, or a person taken one back."""
        tried: set[str] = set()
        self._waiting.discard(target)
        while rows := await self._queued(target, but=tried):
            if not self._may_send:
                self._waiting.add(target)
                return
            row, machine, status = min(rows, key=_urgency)
            tried.add(row.id)
            if row.expires_at is not None and row.expires_at <= self._now_ms():
                await self._become(row, machine, State.EXPIRED, reason="not sent in time")
            elif not await self._send(row, machine, status):
                self._waiting.add(target)
                await self._still_waiting(rows)
                return

    async def _queued(self, target: Target, *, but: set[str]) -> list[Queued]:
        async with self._database.read() as session:
            rows = await repository.queued(session, target)
        return [(row, machine, status) for row, machine, status in rows if row.id not in but]

    async def _send(self, row: CommandRow, machine: Machine, status: MachineStatus | None) -> bool:
        """Publish it; False where nobody listens, so that nothing else of this machine needs to be tried."""
        now_ms = self._now_ms()
        bare_start = not is_stop_like(row.command) and (status is None or not status.in_session)
        if bare_start and not _may_be_here(row, status, now_ms=now_ms):
            return False
        # A bare machine cannot know a start again: it is marked as sent before its one publish.
        if bare_start and not await self._become(row, machine, State.SENT, sent_at=now_ms):
            return True
        if not self._may_send:
            return True
        published = await self._publish(row, machine, _life_s(row, now_ms=now_ms, bare_start=bare_start))
        if published is Published.DELIVERED:
            if not bare_start:
                await self._was_sent(row, machine, at_ms=now_ms)
            return True
        if bare_start:
            await self._take_back(row, machine)
        return False

    async def _was_sent(self, row: CommandRow, machine: Machine, *, at_ms: int) -> None:
        if not await self._become(row, machine, State.SENT, sent_at=at_ms):
            # The machine's word was faster than this mark.
            async with self._database.write() as session:
                await repository.note_sent(session, row.id, at_ms=at_ms)

    async def _take_back(self, row: CommandRow, machine: Machine) -> None:
        """Nobody heard its one publish: it waits again, unless a stop has come meanwhile."""
        async with self._database.write() as session:
            done = await back_to_queue(session, machine, row.id, reason=NOBODY_LISTENS, now_ms=self._now_ms())
        if done is not None:
            await publish_change(self._client, machine.company_id, machine.serial, done)

    async def _publish(self, row: CommandRow, machine: Machine, expiry_s: int) -> Published:
        payload = encode_command(Command(row.command, json.decode(row.params), row.id, row.issued_at, row.expires_at))
        topic = str(MachineTopic(machine.company_id, machine.serial, Channel.COMMAND))
        with span("publish command", command=row.command, command_id=row.id):
            published = await self._client.publish(topic, payload, qos=1, expiry_s=expiry_s)
        if published is Published.DELIVERED:
            await self._show(EventTopic(machine.company_id, machine.serial, Event.COMMAND), payload)
        return published

    async def _show(self, topic: EventTopic, payload: bytes) -> None:
        """The viewers' `command` frame is the JSON on the wire."""
        try:
            await self._client.publish(str(topic), payload)
        except NotConnectedError:
            return

    async def _become(
        self, row: CommandRow, machine: Machine, state: State, *, reason: str = "", **columns: Any
    ) -> bool:
        async with self._database.write() as session:
            done = await change(
                session, row.id, state, machine_id=machine.id, at_ms=self._now_ms(), reason=reason, **columns
            )
        if done is not None:
            await publish_change(self._client, machine.company_id, machine.serial, done)
        return done is not None

    async def _still_waiting(self, rows: Sequence[Queued]) -> None:
        """Say once why they wait."""
        news = [(row, machine) for row, machine, _ in rows if row.reason != NOBODY_LISTENS]
        if not news:
            return
        async with self._database.write() as session:
            await repository.say_why(session, [row.id for row, _ in news], NOBODY_LISTENS)
        for row, machine in news:
            told = CommandChange(row.id, State.QUEUED, NOBODY_LISTENS, self._now_ms())
            await publish_change(self._client, machine.company_id, machine.serial, told)


def _may_be_here(row: CommandRow, status: MachineStatus | None, *, now_ms: int) -> bool:
    """Of a bare machine: one that was not listening is tried again once it was heard, otherwise ever less often."""
    if status is not None and status.presence != "online":
        return False
    if row.reason != NOBODY_LISTENS or (status is not None and status.heard_at > row.changed_at):
        return True
    return now_ms - row.changed_at >= row.changed_at - row.issued_at


def _urgency(item: Queued) -> tuple[int, str]:
    """Stops first, the strongest before the others; then in the order of the ids."""
    row = item[0]
    return (-STOP_RANK.get(row.command, 0), row.id)


def _life_s(row: CommandRow, *, now_ms: int, bare_start: bool) -> int:
    if row.expires_at is None:
        return STOP_EXPIRY_S
    left_s = max(1, (row.expires_at - now_ms) // 1000)
    return min(left_s, BARE_EXPIRY_S) if bare_start else left_s
