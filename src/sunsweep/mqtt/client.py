"""The backend's MQTT 5 client: connects, subscribes, delivers in batches, and comes back by itself."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from sunsweep.mqtt.backoff import Backoff
from sunsweep.mqtt.connect import opened
from sunsweep.mqtt.link import Link
from sunsweep.mqtt.outage import Outage
from sunsweep.mqtt.port import (
    Message,
    MqttError,
    NotAuthorisedError,
    NotConnectedError,
    OnMessages,
    Published,
    Subscription,
)
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.mqtt.subscriptions import Subscriptions

logger = logging.getLogger(__name__)

Gate = Callable[[], Awaitable[None]]
"""Returns once a connection may be made."""

_STEADY_S = 10
"""A connection that lasted so long was a good one; two processes that kick each other stay backed off."""


def wall_clock_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def discard(messages: Sequence[Message]) -> None:
    """For clients that only publish."""


def unheeded() -> None:
    """For clients whose connections nobody counts."""


async def always_open() -> None:
    """For sessions that are nobody else's."""


class MqttClient:
    """Implements `port.Client`. `on_messages` gets all that one read of the socket brought; it must not block.

    Nothing is acknowledged by itself and nothing is published twice by itself.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        *,
        subscriptions: Iterable[Subscription] = (),
        on_messages: OnMessages = discard,
        clock_ms: Callable[[], int] = wall_clock_ms,
        gate: Gate = always_open,
        on_connected: Callable[[], None] = unheeded,
        backoff: Backoff | None = None,
    ) -> None:
        self._settings = settings
        self._subscriptions = Subscriptions(subscriptions)
        self._on_messages = on_messages
        self._clock_ms = clock_ms
        self._gate = gate
        self._on_connected = on_connected
        self._backoff = backoff or Backoff()
        self._outage = Outage(logger)
        self._link: Link | None = None
        self._up = asyncio.Event()
        self._connection = 0
        self._paused = False
        self._since_s = 0.0
        self._known_session = False

    @property
    def connected(self) -> bool:
        return self._up.is_set() and self._link is not None and self._link.open

    @property
    def connection(self) -> int:
        """Number of the current or the last connection; failed attempts count."""
        return self._connection

    async def run(self) -> None:
        """Connect, subscribe, deliver; reconnect for ever with full jitter. Cancel it to disconnect."""
        while True:
            await self._gate()
            try:
                await self._live()
            except (MqttError, OSError) as error:
                self._outage.failed(f"{self._name()}: {str(error) or type(error).__name__}")
            await asyncio.sleep(self._backoff.next_s())

    async def wait_connected(self) -> None:
        """Return once the subscriptions stand."""
        await self._up.wait()

    async def publish(self, topic: str, payload: bytes, *, qos: int = 0, expiry_s: int | None = None) -> Published:
        """Publish once; raises `NotConnectedError`, `NotAuthorisedError`. QoS 0 says DELIVERED."""
        return await self._standing().exchange.publish(topic, payload, qos=qos, expiry_s=expiry_s)

    async def publish_all(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish (topic, payload) at QoS 0 in one write; raises `NotConnectedError`."""
        await self._standing().exchange.publish_all(messages)

    async def subscribe(self, *subscriptions: Subscription) -> None:
        """Add subscriptions; those that meet no connection stand with the next one, refused ones do not."""
        self._subscriptions.want(subscriptions)
        try:
            await self._standing().exchange.subscribe(subscriptions)
        except NotAuthorisedError:
            self._subscriptions.forget(subscription.topic_filter for subscription in subscriptions)
            raise

    async def unsubscribe(self, *topic_filters: str) -> None:
        """Drop subscriptions; returns after UNSUBACK, or at once where there is no connection."""
        self._subscriptions.forget(topic_filters)
        try:
            await self._standing().exchange.unsubscribe(topic_filters)
        except NotConnectedError:
            return
        self._subscriptions.cleared(topic_filters)

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """PUBACK in the order given, one write; those of an older connection are passed over."""
        if self._link is not None:
            self._link.acknowledge(messages)

    def pause_reading(self) -> None:
        """Take nothing more from the network, answers included; the connection is kept alive meanwhile."""
        self._paused = True
        if self._link is not None and self.connected:
            self._link.pause_reading()

    def resume_reading(self) -> None:
        """Go on after `pause_reading`."""
        self._paused = False
        if self._link is not None:
            self._link.resume_reading()

    def _standing(self) -> Link:
        if self._link is None or not self.connected:
            raise NotConnectedError("there is no connection to the broker")
        return self._link

    def _name(self) -> str:
        return f"MQTT {self._settings.client_id or '(no client id)'} at {self._settings.host}:{self._settings.port}"

    async def _live(self) -> None:
        """One connection from beginning to end, which is always an error."""
        self._connection += 1
        link = Link(self._settings, self._connection, on_messages=self._on_messages, clock_ms=self._clock_ms)
        self._link = link  # what waits in the session comes with the welcome, and may be acknowledged at once
        async with opened(link, self._settings):
            async with asyncio.timeout(self._settings.connect_timeout_s):
                await self._agree(link)
            self._begin(link)
            try:
                raise NotConnectedError(await link.until_lost())
            finally:
                self._end()

    def _begin(self, link: Link) -> None:
        self._since_s = time.monotonic()
        self._up.set()
        self._on_connected()
        if self._paused:
            link.pause_reading()
        resumed = link.welcome.result().session_present
        if self._known_session and not resumed:
            logger.warning("%s: the broker has forgotten the session and what waited in it", self._name())
        self._known_session = not self._settings.clean_start
        self._outage.over(f"{self._name()}: connected again")

    def _end(self) -> None:
        self._up.clear()
        if time.monotonic() - self._since_s > _STEADY_S:
            self._backoff.reset()

    async def _agree(self, link: Link) -> None:
        """Subscribe, and again where somebody changed the subscriptions meanwhile."""
        standing: dict[str, int] = {}
        while True:
            add, drop = self._subscriptions.difference(standing)
            if not add and not drop:
                return
            # In this order: between the two nothing is to be missed.
            await link.exchange.subscribe(add)
            standing.update(add)
            await link.exchange.unsubscribe(drop)
            self._subscriptions.cleared(drop)
