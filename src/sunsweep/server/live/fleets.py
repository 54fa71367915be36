"""Companies that are watched as a whole: one set of subscriptions a company, however many viewers.

On a connection of its own: where a company and one of its machines are watched, the broker would send twice what both
filters match.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

import structlog

from sunsweep.contract.refusal import Refused
from sunsweep.contract.topics import (
    Channel,
    Event,
    company_events,
    company_machines,
)
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import Message
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server import metrics
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.features.accounts.roles import Principal
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.live.fleet import LOOKS, Fleet
from sunsweep.server.live.fleet_viewer import FleetViewer
from sunsweep.server.live.revoke import revoke_for_ever
from sunsweep.server.live.subscriptions import subscribe, unsubscribe
from sunsweep.server.live.wire import about

log = structlog.get_logger(__name__)

TICK_S: Final = 1.0
PAGE: Final = 500
READ_EVERY_S: Final = 60.0
"""The broker may let go of what is sent at QoS 0: that long at most the database knows better unheard."""
READ_AWAY_S: Final = 5.0
"""The same while the broker is away."""
_CHANNELS: Final = (Channel.TELEMETRY, Channel.STATUS)
_EVENTS: Final = (Event.COMMAND, Event.COMMAND_STATE, Event.PRESENCE)


class Fleets:
    """The process's watched companies."""

    def __init__(self, connection: ConnectionSettings, database: Database) -> None:
        self._database = database
        self._client = MqttClient(connection, on_messages=self._take, on_connected=self._connected)
        self._fleets: dict[int, Fleet] = {}
        self._changing = asyncio.Lock()
        metrics.FLEET_WAITING_MAX.set_function(lambda: max((viewer.waiting for viewer in self._viewers()), default=0))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._client.run(), name="fleets-client")
            tasks.create_task(revoke_for_ever(self._database, self._viewers), name="fleets-revoke")
            tasks.create_task(self._tick_for_ever(), name="fleets-tick")
            tasks.create_task(self._look_for_ever(), name="fleets-look")

    @asynccontextmanager
    async def watch(self, company_id: int, who: Principal) -> AsyncIterator[tuple[Fleet, FleetViewer]]:
        """A company whose machines are known, and a viewer who gets what changes from now on.

        Subscribed first, then read: what comes meanwhile is folded into what was read.
        """
        viewer = FleetViewer(who)
        async with self._changing:
            fleet = self._fleets.get(company_id)
            if fleet is None:
                fleet = self._fleets[company_id] = Fleet(company_id)
                await subscribe(self._client, _topics(company_id))
            fleet.viewers.add(viewer)
        metrics.VIEWERS.inc()
        try:
            if not fleet.known:
                await self._read(fleet, again=False)
            yield fleet, viewer
        finally:
            metrics.VIEWERS.dec()
            fleet.viewers.discard(viewer)
            async with self._changing:
                if not fleet.viewers and self._fleets.get(company_id) is fleet:
                    del self._fleets[company_id]
                    await unsubscribe(self._client, _topics(company_id))

    def _viewers(self) -> list[FleetViewer]:
        """Of a moment, also for another thread that asks."""
        return [viewer for fleet in list(self._fleets.values()) for viewer in list(fleet.viewers)]

    def _connected(self) -> None:
        """What was said meanwhile is in the database, or will be."""
        metrics.MQTT_CONNECTIONS.labels("fleets").inc()
        for fleet in self._fleets.values():
            fleet.looks = LOOKS

    def _take(self, messages: Sequence[Message]) -> None:
        for message in messages:
            try:
                fleet = self._fleets.get(about(message.topic).company_id)
                if fleet is not None:
                    fleet.take(message)
            except Refused:
                # The ingest keeps it as a dead letter; viewers see only what can be stored.
                continue

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for fleet in list(self._fleets.values()):
                fleet.tick()

    async def _look_for_ever(self) -> None:
        """Once a second: who has come and gone, and what was missed."""
        level = logging.WARNING
        while True:
            await asyncio.sleep(TICK_S)
            try:
                for fleet in list(self._fleets.values()):
                    if await self._is_due(fleet):
                        await self._read(fleet, again=True)
            except DATABASE_AWAY as error:
                log.log(level, "watched companies could not be read; trying again", error=str(error))
                level = logging.DEBUG
            else:
                level = logging.WARNING

    async def _is_due(self, fleet: Fleet) -> bool:
        if not fleet.known:
            return False
        every_s = READ_EVERY_S if self._client.connected else READ_AWAY_S
        if fleet.looks or fleet.has_strangers or monotonic() - fleet.read_at_s >= every_s:
            return True
        async with self._database.read() as session:
            return await machines.roster(session, fleet.company_id) != fleet.roster

    async def _read(self, fleet: Fleet, *, again: bool) -> None:
        """Read all machines; `again` where they are known already."""
        async with fleet.reading:
            if fleet.known and not again:
                return
            fleet.looks = max(0, fleet.looks - 1) if fleet.known else LOOKS
            found: set[str] = set()
            began_ms = wall_clock()
            async with self._database.read() as session:
                # Before the machines: whoever comes in between is looked for once more.
                roster = await machines.roster(session, fleet.company_id)
                after = ""
                while page := await machines.newest(session, fleet.company_id, after=after, limit=PAGE):
                    for serial, row in page:
                        found.add(serial)
                        fleet.take_in(serial, row, now_ms=wall_clock())
                    after = page[-1][0]
                    if len(page) < PAGE:
                        break
            fleet.end(fleet.members.keys() - found, now_ms=wall_clock())
            fleet.known, fleet.roster, fleet.read_at_s = True, roster, monotonic()
            self._take(list(fleet.introduce(since_ms=began_ms)))


def _topics(company_id: int) -> list[str]:
    channels = [company_machines(company_id, channel) for channel in _CHANNELS]
    return [*channels, *(company_events(company_id, event) for event in _EVENTS)]
