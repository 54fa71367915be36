"""EMQX says whom it has let in; the local broker's log says it where that one runs."""

from collections.abc import Sequence
from typing import Final

import msgspec

from sunsweep.contract.topics import CONNECTED
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import Message, OnConnected, Subscription
from sunsweep.mqtt.settings import ConnectionSettings

SUBSCRIPTION: Final = Subscription(CONNECTED, qos=0)


class _Client(msgspec.Struct):
    username: str | None = None


def client(connection: ConnectionSettings, saw: OnConnected) -> MqttClient:
    """To be run; every message is a client that has come."""

    def take(messages: Sequence[Message]) -> None:
        for message in messages:
            username = _username(message.payload)
            if username is not None:
                saw(username)

    return MqttClient(connection, subscriptions=[SUBSCRIPTION], on_messages=take)


def _username(payload: bytes) -> str | None:
    try:
        return msgspec.json.decode(payload, type=_Client).username
    except msgspec.DecodeError:
        return None
