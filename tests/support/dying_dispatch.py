"""A `dispatch` that kills itself at the two points that matter, forked so that its start costs little."""

import asyncio
import multiprocessing
import os
import signal
from enum import StrEnum
from typing import Final

from sunsweep.contract.topics import Channel, is_machine_topic, parse_machine_topic
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import Client, OnMessages, Published, Subscription
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.dispatch.dispatcher import Dispatcher
from sunsweep.server.roles import connection
from sunsweep.server.settings import ServeSettings

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


class Point(StrEnum):
    """Where it dies, of the command's way out."""

    BEFORE_PUBLISH = "before_publish"
    AFTER_PUBLISH = "after_publish"


class _Dying(MqttClient):
    """Dies before it publishes a command, or once the broker has taken it and before anybody is told."""

    point: Point

    async def publish(self, topic: str, payload: bytes, *, qos: int = 0, expiry_s: int | None = None) -> Published:
        is_command = is_machine_topic(topic) and parse_machine_topic(topic).channel is Channel.COMMAND
        if is_command and self.point is Point.BEFORE_PUBLISH:
            os.kill(os.getpid(), signal.SIGKILL)
        published = await super().publish(topic, payload, qos=qos, expiry_s=expiry_s)
        if is_command:
            os.kill(os.getpid(), signal.SIGKILL)
        return published


async def dispatch_until_killed(settings: ServeSettings, point: Point) -> None:
    """Returns once the process has died of a command."""
    process = _CONTEXT.Process(target=_main, args=(settings.model_dump(mode="python"), point), daemon=True)
    await asyncio.to_thread(process.start)
    try:
        await asyncio.to_thread(process.join, 60)
        assert process.exitcode == -signal.SIGKILL, process.exitcode
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


def _main(values: dict[str, object], point: Point) -> None:
    asyncio.run(_run(ServeSettings.model_validate(values), point))


async def _run(settings: ServeSettings, point: Point) -> None:
    def connect(subscriptions: tuple[Subscription, ...], on_messages: OnMessages) -> Client:
        client = _Dying(connection(settings, "dispatch"), subscriptions=subscriptions, on_messages=on_messages)
        client.point = point
        return client

    await Dispatcher(Database(settings.database_url), connect, now_ms=wall_clock).run()
