"""A `dispatch` in a process of its own that stands still right before it publishes a command."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sunsweep.contract.topics import Channel, is_machine_topic, parse_machine_topic
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import Client, OnMessages, Published, Subscription
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.dispatch.dispatcher import KEEP_ALIVE_S, Dispatcher
from sunsweep.server.roles import connection
from sunsweep.server.settings import ServeSettings
from tests.support.platform import eventually

_CONTEXT: Final = multiprocessing.get_context("forkserver")


class _Pausing(MqttClient):
    """Stops its own process once, all its looks at lease and clock behind it."""

    paused = False
    woken: Callable[[], None]

    async def publish(self, topic: str, payload: bytes, *, qos: int = 0, expiry_s: int | None = None) -> Published:
        is_command = is_machine_topic(topic) and parse_machine_topic(topic).channel is Channel.COMMAND
        if is_command and not self.paused:
            self.paused = True
            os.kill(os.getpid(), signal.SIGSTOP)
            try:
                return await super().publish(topic, payload, qos=qos, expiry_s=expiry_s)
            finally:
                self.woken()
        return await super().publish(topic, payload, qos=qos, expiry_s=expiry_s)


class Paused:
    """The process, from outside."""

    def __init__(self, pid: int, over: Path) -> None:
        self._pid = pid
        self._over = over

    async def stands_still(self) -> None:
        await eventually(self._is_stopped, within_s=60)

    async def goes_on(self) -> None:
        """Returns once its publish has ended, however."""
        os.kill(self._pid, signal.SIGCONT)
        await eventually(self._is_over)

    async def _is_stopped(self) -> bool:
        return Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    async def _is_over(self) -> bool:
        return self._over.exists()


@asynccontextmanager
async def pausing_dispatch(settings: ServeSettings, folder: Path) -> AsyncIterator[Paused]:
    over = folder / "publish-is-over"
    process = _CONTEXT.Process(target=_main, args=(settings.model_dump(mode="python"), over), daemon=True)
    await asyncio.to_thread(process.start)
    assert process.pid is not None
    try:
        yield Paused(process.pid, over)
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


def _main(values: dict[str, object], over: Path) -> None:
    asyncio.run(_run(ServeSettings.model_validate(values), over))


async def _run(settings: ServeSettings, over: Path) -> None:
    def connect(subscriptions: tuple[Subscription, ...], on_messages: OnMessages) -> Client:
        to_broker = connection(settings, "dispatch", keep_alive_s=KEEP_ALIVE_S)
        client = _Pausing(to_broker, subscriptions=subscriptions, on_messages=on_messages)
        client.woken = over.touch
        return client

    await Dispatcher(Database(settings.database_url), connect, now_ms=wall_clock).run()
