"""What is watched, at the broker. While it is away nothing is lost: the client subscribes by itself when it is back."""

from collections.abc import Iterable
from contextlib import suppress

from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import MqttError, Subscription


async def subscribe(client: MqttClient, topics: Iterable[str]) -> None:
    """At QoS 0: viewers want the newest, and what is lost on the way stands in the database."""
    with suppress(MqttError):
        await client.subscribe(*(Subscription(topic, 0) for topic in topics))


async def unsubscribe(client: MqttClient, topics: Iterable[str]) -> None:
    """Nobody watches any more."""
    with suppress(MqttError):
        await client.unsubscribe(*topics)
