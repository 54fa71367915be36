"""The session on one connection: who we are, how we are, and the last will."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiomqtt import Client, MqttError, Will
from msgspec.structs import replace

from sunsweep import __version__
from sunsweep.contract.codec import encode_status
from sunsweep.contract.payloads import OFFLINE, OutboxReport, Status
from sunsweep.contract.times import from_ms
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine import cancellation
from sunsweep.machine.downlink import Downlink
from sunsweep.machine.outbox import Outbox
from sunsweep.machine.rhythm import Rhythm
from sunsweep.machine.uplink import Uplink

FAREWELL_S: Final = 1.0


class Voice:
    """`status` says how the machine is; `on_connected` is called once the first status is out."""

    def __init__(
        self,
        topic: MachineTopic,
        *,
        outbox: Outbox,
        uplink: Uplink,
        downlink: Downlink,
        status: Callable[[], Status],
        on_connected: Callable[[], None],
        heartbeat_s: float,
    ) -> None:
        self._topic = str(topic._replace(channel=Channel.STATUS))
        self._outbox = outbox
        self._uplink = uplink
        self._downlink = downlink
        self._status = status
        self._on_connected = on_connected
        self._heartbeat_s = heartbeat_s
        self._beat_now = asyncio.Event()
        self._connections = 0
        self.connected = False

    @property
    def session(self) -> tuple[int, int]:
        """Of the newest connection, or of the first while there has been none."""
        return self._outbox.boot, max(1, self._connections)

    def beat_every(self, heartbeat_s: float) -> None:
        """From now on; the first beat comes at once."""
        self._heartbeat_s = heartbeat_s
        self._beat_now.set()

    def will(self) -> Will:
        """For the connection that is about to be made."""
        return Will(self._topic, _farewell((self._outbox.boot, self._connections + 1)), qos=1)

    async def run(self, client: Client) -> None:
        """Announce the machine only after the subscriptions stand, then speak until the connection breaks."""
        self._connections += 1
        try:
            await self._downlink.subscribe(client)
            await self._say(client, self._first_status())
            cancellation.obey()
            self.connected = True
            self._uplink.new_connection()
            self._on_connected()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._uplink.run(client), name="uplink")
                group.create_task(self._downlink.run(client), name="downlink")
                group.create_task(self._beat(client), name="heartbeat")
        except asyncio.CancelledError:
            await self._leave(client)
            raise
        finally:
            self.connected = False

    async def _beat(self, client: Client) -> None:
        rhythm = Rhythm(self._outbox.boot)
        while True:
            await rhythm.turn(self._heartbeat_s, self._beat_now)
            await self._say(client, self._status(), qos=0 if self._uplink.window.closed else 1)
            cancellation.obey()

    async def _leave(self, client: Client) -> None:
        with suppress(MqttError, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await client.publish(self._topic, _farewell(self.session), qos=1)

    async def _say(self, client: Client, status: Status, *, qos: int = 1) -> None:
        await client.publish(self._topic, encode_status(replace(status, session=self.session)), qos=qos)

    def _first_status(self) -> Status:
        oldest = next(self._outbox.pending(), None)
        report = OutboxReport(len(self._outbox), None if oldest is None else from_ms(oldest.ts_ms))
        return replace(self._status(), software=f"sunsweep-machine {__version__}", outbox=report)


def _farewell(session: tuple[int, int]) -> bytes:
    return encode_status(Status(OFFLINE, session=session))
