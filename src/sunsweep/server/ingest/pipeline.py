"""Broker to database: consume, decode, batch, store, then acknowledge, then receipts. Data flows one way."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog
from prometheus_client import Gauge

from sunsweep.mqtt.backoff import Backoff
from sunsweep.mqtt.client import Gate, MqttClient, always_open
from sunsweep.mqtt.port import Message
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server import metrics
from sunsweep.server.clock import Clock, wall_clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.db.seats import member_id
from sunsweep.server.events import publish_change, publish_presence
from sunsweep.server.ingest.acknowledge import InOrder
from sunsweep.server.ingest.alarm import Refusals
from sunsweep.server.ingest.batch import next_batch
from sunsweep.server.ingest.consume import Inbox
from sunsweep.server.ingest.count import count
from sunsweep.server.ingest.decode import RowNumbers, decode
from sunsweep.server.ingest.depth import shown
from sunsweep.server.ingest.messages import Decoded
from sunsweep.server.ingest.receipt import Receipts
from sunsweep.server.ingest.registry import Registry
from sunsweep.server.ingest.reject import PER_DAY, NewLetters
from sunsweep.server.ingest.replay import replay_asked_for_ever
from sunsweep.server.ingest.sessions import ALL_FILTERS, other_filters, subscriptions
from sunsweep.server.ingest.store import Committed, Store, StoreAwayError
from sunsweep.server.ingest.timing import lagged, timed, waited
from sunsweep.server.ingest.watch import Look, Stages, Watch
from sunsweep.server.tracing import span

log = structlog.get_logger(__name__)

MAX_BACKOFF_S: Final = 10.0
FIRST_BACKOFF_S: Final = 0.1
IDLE_S: Final = 1.0
DRAIN_S: Final = 2.0


class Ingest:
    """The pipeline of one of the `members`: what it had not acknowledged waits for it in the broker."""

    def __init__(
        self,
        database: Database,
        connection: ConnectionSettings,
        *,
        retention_days: int,
        dead_letters_per_day: int = PER_DAY,
        now_ms: Clock = wall_clock,
        number: int = 0,
        members: int = 1,
        gate: Gate = always_open,
    ) -> None:
        self._number = number
        self._members = members
        self._now_ms = now_ms
        self._inbox = Inbox()
        self._client = MqttClient(
            connection,
            subscriptions=subscriptions(members),
            on_messages=self._arrived,
            gate=gate,
            on_connected=metrics.MQTT_CONNECTIONS.labels(member_id(number)).inc,
        )
        self._inbox.tap = self._client
        self._acknowledgements = InOrder(self._client)
        self._registry = Registry(database, retention_days=retention_days, now_ms=now_ms)
        self._store = Store(database, letters=NewLetters(database, per_day=dead_letters_per_day), now_ms=now_ms)
        self._refusals = Refusals(now_ms=now_ms, companies=lambda: self._registry.companies)
        self._receipts = Receipts(self._client, now_ms=now_ms)
        self._numbers = RowNumbers(number)
        self._drain_s = DRAIN_S
        self._away = False
        self._stages = Stages()
        self._committing: asyncio.Task[None] | None = None
        self._watch = Watch(self._look, lambda: self._committing)
        self._in_hand_ms: int | None = None
        """When the oldest of the batch in hand was received."""
        self.taken = 0
        """Messages taken in hand so far."""
        self._replay = partial(
            replay_asked_for_ever, database, retention_days=retention_days, now_ms=now_ms, done=self._tell_viewers
        )

    @property
    def connected(self) -> bool:
        return self._client.connected

    async def wait_connected(self) -> None:
        await self._client.wait_connected()

    @property
    def idle(self) -> bool:
        """Whether everything that the broker had is stored and acknowledged, as far as can be seen from here."""
        return self._client.connected and not self._stages.at and not len(self._inbox)

    async def follow(self, members: int) -> None:
        """Subscribe as one of so many; the new filters before the old ones go: twice is better than not at all."""
        await self._client.subscribe(*subscriptions(members))
        await self._client.unsubscribe(*other_filters(members))

    async def unsubscribe(self) -> None:
        """From everything; what waits in the session still comes."""
        await self._client.unsubscribe(*ALL_FILTERS)

    def stop_at_once(self) -> None:
        """What is not stored yet will not be: the session is another's."""
        self._drain_s = 0.0

    async def run(self) -> None:
        """Until cancelled; then the batch in hand is finished, and what is not committed comes again."""
        await self._client.unsubscribe(*other_filters(self._members))
        with shown(self._number, self._depths()):
            await self._run()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._client.run(), name="ingest-client")
            tasks.create_task(self._receipts.run(), name="ingest-receipts")
            tasks.create_task(self._watch.run(), name="ingest-watch")
            tasks.create_task(self._replay(), name="ingest-replay")
            # In the group's own body: so that it ends before the connection its acknowledgements need.
            await self._commit_for_ever()

    async def _commit_for_ever(self) -> None:
        committing = self._committing = asyncio.create_task(self._commit_until_closed(), name="ingest-committer")
        try:
            await asyncio.shield(committing)
        except asyncio.CancelledError:
            await self._drain(committing)
            raise

    async def _commit_until_closed(self) -> None:
        while not self._inbox.drained:
            messages = await next_batch(self._inbox, idle_s=IDLE_S)
            if messages or self._store.owes:
                await self._process(messages)
                self.taken += len(messages)
            self._refusals.look()
        while self._store.owes:
            self._store.hurry()
            await self._process([])
        await self._receipts.flush()

    async def _drain(self, committing: asyncio.Task[None]) -> None:
        """Take nothing more in, store what has arrived, tell the machines; within a limit."""
        self._client.pause_reading()
        self._inbox.close()
        try:
            await asyncio.wait([committing], timeout=self._drain_s)
            if self._drain_s and not committing.done():
                log.warning("stopped with messages not stored; the broker keeps them", messages=len(self._inbox))
        finally:
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)

    async def _process(self, messages: list[Message]) -> None:
        oldest_ms = self._in_hand_ms = min([message.received_ms for message in messages], default=None)
        self._stages.enter("commit")
        size = sum([len(message.payload) for message in messages])
        with span("ingest batch", member=self._number, rows=len(messages), bytes=size):
            if oldest_ms is not None:
                waited(oldest_ms, now_ms=self._now_ms())
            committed = await self._persist(messages)
            self._in_hand_ms = None
            self._stages.enter("tell")
            if oldest_ms is not None:
                lagged(oldest_ms, now_ms=self._now_ms())
            with timed("acknowledge"):
                self._acknowledgements.settled(messages)
                self._receipts.committed(committed.outcome)
                await self._tell_viewers(committed)
        self._refusals.heard(committed.outcome)
        count(committed)
        if messages:
            metrics.BATCH_ROWS.observe(len(messages))
            metrics.BATCH_BYTES.observe(size)
        self._stages.enter("")

    async def _tell_viewers(self, committed: Committed) -> None:
        for presence in committed.presence:
            await publish_presence(self._client, presence)
        for machine, change in committed.commands:
            await publish_change(self._client, machine.company_id, machine.serial, change)

    def _arrived(self, messages: Sequence[Message]) -> None:
        self._acknowledgements.arrived(messages)
        self._inbox.put(messages)

    def _depths(self) -> dict[Gauge, Callable[[], float]]:
        return {
            metrics.INBOX_MESSAGES: self._inbox.__len__,
            metrics.INBOX_BYTES: lambda: self._inbox.bytes,
            metrics.OLDEST_SECONDS: self._oldest_s,
            metrics.RECEIPTS_WAITING: lambda: self._receipts.waiting,
            metrics.DEFERRED: lambda: self._store.deferred,
        }

    def _oldest_s(self) -> float:
        known = [at_ms for at_ms in (self._in_hand_ms, self._inbox.oldest_ms) if at_ms is not None]
        return max(0, self._now_ms() - min(known)) / 1000 if known else 0.0

    def _look(self) -> Look:
        """How long the stages have stood at their work; waiting for a database that is known to be away is none."""
        standing = {"receipts": self._receipts.waiting_s}
        if self._stages.at and not (self._stages.at == "commit" and self._away):
            standing[self._stages.at] = self._stages.seconds
        return Look(standing, len(self._inbox), self._receipts.waiting)

    async def _persist(self, messages: Sequence[Message]) -> Committed:
        """Commit, however long the database stays away."""
        attempt = 0
        backoff = Backoff(first_s=FIRST_BACKOFF_S, cap_s=MAX_BACKOFF_S)
        away_since: float | None = None
        while True:
            try:
                started = time.perf_counter()
                batch = await self._decode(messages)
                with timed("commit"):
                    committed = await self._store.commit(batch)
            except (StoreAwayError, *DATABASE_AWAY) as error:
                attempt += 1
                if away_since is None:
                    away_since = started
                elif attempt == 2:
                    self._away = True
                    metrics.STORE_AWAY.set(1)
                    words = str(error) or type(error).__name__
                    log.warning("the database takes nothing; nothing is acknowledged until it does", error=words)
                await asyncio.sleep(backoff.next_s())
                continue
            if self._away:
                self._away = False
                metrics.STORE_AWAY.set(0)
                log.info(
                    "the database is back",
                    away_s=round(time.perf_counter() - (away_since or started), 1),
                    attempts=attempt,
                )
            return committed

    async def _decode(self, messages: Sequence[Message]) -> list[Decoded]:
        with timed("lookup"):
            known = await self._registry.of([message.topic for message in messages])
        numbers = self._numbers
        with timed("decode"):
            return [decode(message, of, numbers) for message, of in zip(messages, known, strict=True)]
