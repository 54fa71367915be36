"""What the backend asks of an MQTT client and of a broker; nothing here speaks to a network."""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from msgspec import Struct


class Message(Struct, frozen=True, gc=False):
    """One delivery. `connection` binds its acknowledgement: a packet id of an older one may name another message."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    packet_id: int | None
    connection: int
    received_ms: int


class Subscription(NamedTuple):
    """A topic filter at a QoS (Retain Handling 2 and Retain As Published 0 always: live messages only)."""

    topic_filter: str
    qos: int = 1


class Published(StrEnum):
    """What the broker said of a QoS 1 publish it took."""

    DELIVERED = "delivered"
    NOBODY_LISTENS = "nobody_listens"
    """PUBACK 0x10, no matching subscribers."""


class MqttError(Exception):
    """Root of what a client raises."""


class NotConnectedError(MqttError):
    """There is no connection, or it ended before the broker answered: the outcome is unknown."""


class NotAuthorisedError(MqttError):
    """The broker refused a publish or a subscription (0x87)."""


class RefusedError(MqttError):
    """The broker refused the connection at CONNECT."""


OnMessages = Callable[[Sequence[Message]], None]


class Client(Protocol):
    """An MQTT 5 connection that comes back by itself while `run` runs."""

    @property
    def connected(self) -> bool: ...

    async def run(self) -> None:
        """Connect, subscribe, deliver; reconnect for ever with full jitter. Cancel it to disconnect."""

    async def wait_connected(self) -> None:
        """Return once the subscriptions stand."""

    async def publish(self, topic: str, payload: bytes, *, qos: int = 0, expiry_s: int | None = None) -> Published:
        """Publish once; raises `NotConnectedError`, `NotAuthorisedError`. QoS 0 says DELIVERED."""

    async def publish_all(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish (topic, payload) at QoS 0 in one write; raises `NotConnectedError`."""

    async def subscribe(self, *subscriptions: Subscription) -> None:
        """Add subscriptions, renewed at each reconnect; returns after SUBACK. Raises like `publish`.

        After `NotConnectedError` they are kept and stand with the next connection; after a refusal they are not.
        """

    async def unsubscribe(self, *topic_filters: str) -> None:
        """Drop subscriptions; returns after UNSUBACK, or at once where there is no connection."""

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """PUBACK in the order given, one write; those of an older connection are passed over."""

    def pause_reading(self) -> None:
        """Take nothing more from the network, answers included; the connection is kept alive meanwhile."""

    def resume_reading(self) -> None:
        """Go on after `pause_reading`."""


OnConnected = Callable[[str], None]
"""Told the username of everybody whom the broker has let in; must not block."""


def unheeded(_username: str) -> None:
    """Where nobody wants to know who was let in."""


Access = Literal["read", "write", "readwrite"]


class Rule(NamedTuple):
    """What a user may do: `read` (subscribe), `write` (publish) or both."""

    access: Access
    topic_filter: str


class BrokerUser(NamedTuple):
    """A login at the broker: PBKDF2-HMAC-SHA512, 64 bytes as lower-case hex, the salt's ASCII string."""

    username: str
    password_hash: str
    salt: str
    rules: tuple[Rule, ...]


class Member(NamedTuple):
    """A persistent session that the local broker must keep queueing for, and how to stand in for it."""

    client_id: str
    username: str
    password: str
    subscriptions: tuple[Subscription, ...]
    session_expiry_s: int
