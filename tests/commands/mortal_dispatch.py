"""A dispatch that kills itself: `python -m tests.commands.mortal_dispatch before|after TOPIC`, set up by environment.

`before`: when it is about to publish its first command on TOPIC; `after`: once the broker has taken that.
"""

import asyncio
import os
import signal
import sys

from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import OnMessages, Published, Subscription
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.dispatch.dispatcher import Connect, Dispatcher
from sunsweep.server.roles import connection
from sunsweep.server.settings import ServeSettings


class MortalClient(MqttClient):
    """Not even a `finally` runs when it dies."""

    def __init__(
        self,
        where: str,
        topic: str,
        settings: ConnectionSettings,
        subscriptions: tuple[Subscription, ...],
        on_messages: OnMessages,
    ) -> None:
        super().__init__(settings, subscriptions=subscriptions, on_messages=on_messages)
        self._where = where
        self._topic = topic

    async def publish(self, topic: str, payload: bytes, *, qos: int = 0, expiry_s: int | None = None) -> Published:
        if topic == self._topic and self._where == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        published = await super().publish(topic, payload, qos=qos, expiry_s=expiry_s)
        if topic == self._topic:
            os.kill(os.getpid(), signal.SIGKILL)
        return published


def mortal(where: str, topic: str, settings: ConnectionSettings) -> Connect:
    def connect(subscriptions: tuple[Subscription, ...], on_messages: OnMessages) -> MqttClient:
        return MortalClient(where, topic, settings, subscriptions, on_messages)

    return connect


async def main(where: str, topic: str) -> None:
    settings = ServeSettings()
    connect = mortal(where, topic, connection(settings, "dispatch"))
    await Dispatcher(Database(settings.database_url), connect, now_ms=wall_clock).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
