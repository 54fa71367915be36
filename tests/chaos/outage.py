"""The database is away for a long time under many machines with outboxes: what broker and viewers feel of it."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import psutil
from sqlalchemy import func, select
from websockets.asyncio.client import ClientConnection

from sunsweep.mqtt.client import MqttClient, wall_clock_ms
from sunsweep.mqtt.port import Message, Subscription
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server.db.models import TelemetryRow
from tests.chaos.field import FieldOrder
from tests.chaos.verdict import complaints, recount
from tests.chaos.world import end_field, running_broker, running_field
from tests.server.viewers import viewing
from tests.support.mariadb import MariaDB
from tests.support.platform import HOST, Platform, eventually, new_platform
from tests.support.processes import ingest_process, serve_process

log = logging.getLogger("chaos")
MIB: Final = 2**20
TELL_EVERY_S: Final = 30.0
DRAINED_WITHIN_S: Final = 120.0


@dataclass(frozen=True)
class Size:
    """Machines, how often they speak, and for how long the database is away."""

    machines: int
    interval_s: float
    heartbeat_s: float
    before_s: float
    away_s: float
    viewers: int = 20


@dataclass
class Wire:
    """What a bare subscriber sees, and what viewers do."""

    published: Counter[str] = field(default_factory=Counter)
    heard: set[str] = field(default_factory=set)
    """The topics of telemetry: one a machine."""
    to_be_kept: int = 0
    """Publishes at QoS 1 that the ingest is given: while nothing is acknowledged, so many wait for it."""
    late_s: list[float] = field(default_factory=list)
    """Of each telemetry frame: from its measurement to the viewer."""


@dataclass
class Outage:
    """What there is to judge."""

    per_s_before: float
    per_s_away: float
    kept: int
    kept_in_second_half: int
    samples_while_away: int
    shown_while_away: int
    latest_s: float
    broker_grew_mib: float
    drained_after_s: float
    drained_by_second: dict[int, int]
    """How many came in which second after the database was started again; in the first, what waited at the ingest."""

    @property
    def half_drained_within_s(self) -> int:
        """The fewest seconds in a row into which half of them fall."""
        rows = [self.drained_by_second.get(second, 0) for second in range(max(self.drained_by_second) + 1)]
        halves = [
            length
            for length in range(1, len(rows) + 1)
            if any(2 * sum(rows[at : at + length]) >= sum(rows) for at in range(len(rows) - length + 1))
        ]
        return halves[0]

    def __str__(self) -> str:
        return (
            f"telemetry {self.per_s_before:.1f} messages/s before, {self.per_s_away:.1f} while away; the broker kept "
            f"{self.kept} for the ingest, {self.kept_in_second_half} of them in the second half, and grew by "
            f"{self.broker_grew_mib:.1f} MiB; viewers were shown {self.shown_while_away} samples, the latest "
            f"{self.latest_s:.2f} s after its measurement; {self.samples_while_away} samples were stored within "
            f"{self.drained_after_s:.1f} s, the first after {min(self.drained_by_second)} s, half of them within "
            f"{self.half_drained_within_s} s, {max(self.drained_by_second.values())} in the fullest second"
        )


async def outage(folder: Path, mariadb: MariaDB, size: Size) -> Outage:
    """Raises `AssertionError` where anything is lost or doubled; the figures are the caller's to judge."""
    wire = Wire()
    async with AsyncExitStack() as stack:
        platform = await new_platform(mariadb.create_database(), folder)
        stack.push_async_callback(platform.database.close)
        logins = [await platform.add_machine(f"N-{number}") for number in range(size.machines)]
        spy = await platform.add_service_account("spy", ("subscribe", "company/#"))
        broker = await stack.enter_async_context(running_broker(platform, folder, members=1))
        await stack.enter_async_context(ingest_process(platform.settings))
        await stack.enter_async_context(serve_process(platform.settings, "api,live,dispatch,jobs"))
        await eventually(platform.ready, within_s=60)
        await stack.enter_async_context(_spy(platform, spy, wire))
        for login in logins[: size.viewers]:
            await stack.enter_async_context(_viewer(platform, login.machine_id, wire))
        order = FieldOrder(
            logins,
            [],
            platform.mqtt_port,
            size.interval_s,
            1,
            str(folder / "report.json"),
            size.heartbeat_s,
            eventful=False,
        )
        field_process = await stack.enter_async_context(running_field(folder, order))
        await eventually(lambda: _all_speak(wire, size.machines), within_s=60)
        assert broker.pid is not None
        found = await _away(size, mariadb, wire, psutil.Process(broker.pid), platform)
        report = await end_field(field_process, folder)
        tables = await recount(platform.database, wall_clock_ms())
        wrong = complaints(report, tables, broker_killed_at=[])
        assert not wrong, "\n".join(wrong)
    log.info("%s", found)
    return found


async def _all_speak(wire: Wire, machines: int) -> bool:
    return len(wire.heard) == machines


async def _away(size: Size, mariadb: MariaDB, wire: Wire, broker: psutil.Process, platform: Platform) -> Outage:
    loop = asyncio.get_running_loop()
    before = wire.published["telemetry"]
    await asyncio.sleep(size.before_s)
    per_s_before = (wire.published["telemetry"] - before) / size.before_s
    log.info("the database goes")
    await asyncio.to_thread(mariadb.kill)
    wire.to_be_kept, wire.late_s, memory, sent = 0, [], broker.memory_info().rss, wire.published["telemetry"]
    began_ms = wall_clock_ms()
    await _pass(size.away_s / 2, wire)
    first_half = wire.to_be_kept
    await _pass(size.away_s / 2, wire)
    kept, late_s, grew = wire.to_be_kept, list(wire.late_s), broker.memory_info().rss - memory
    per_s_away = (wire.published["telemetry"] - sent) / size.away_s
    log.info("the database is back")
    ended_ms = wall_clock_ms()
    await asyncio.to_thread(mariadb.start)
    back_s = loop.time()
    expected = int(size.machines * size.away_s / size.interval_s * 0.98)

    measured_then = (TelemetryRow.ts >= began_ms) & (TelemetryRow.ts < ended_ms)

    async def drained() -> bool:
        async with platform.database.read() as session:
            there = await session.scalar(select(func.count()).select_from(TelemetryRow).where(measured_then))
        return (there or 0) >= expected

    await eventually(drained, within_s=DRAINED_WITHIN_S)
    drained_after_s = loop.time() - back_s
    async with platform.database.read() as session:
        came = Counter(
            max(0, at - ended_ms) // 1000
            for at in await session.scalars(select(TelemetryRow.received_at).where(measured_then))
        )
    return Outage(
        per_s_before, per_s_away, kept, kept - first_half, expected, len(late_s), max(late_s), grew / MIB,
        drained_after_s, dict(came),
    )  # fmt: skip


async def _pass(seconds: float, wire: Wire) -> None:
    until_s = asyncio.get_running_loop().time() + seconds
    while (left_s := until_s - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(left_s, TELL_EVERY_S))
        log.info("%d published, %d kept for the ingest", wire.published.total(), wire.to_be_kept)


@asynccontextmanager
async def _spy(platform: Platform, password: str, wire: Wire) -> AsyncIterator[None]:
    def look(messages: Sequence[Message]) -> None:
        for message in messages:
            channel = message.topic.rpartition("/")[2]
            wire.published[channel] += 1
            if channel == "telemetry":
                wire.heard.add(message.topic)
            wire.to_be_kept += message.qos
        client.acknowledge(messages)

    settings = ConnectionSettings(host=HOST, port=platform.mqtt_port, username="spy", password=password)
    filters = [Subscription("company/+/machine/+/telemetry"), Subscription("company/+/machine/+/status")]
    client = MqttClient(settings, subscriptions=filters, on_messages=look)
    running = asyncio.create_task(client.run(), name="spy")
    try:
        await client.wait_connected()
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def _viewer(platform: Platform, serial: str, wire: Wire) -> AsyncIterator[None]:
    async def watch(socket: ClientConnection) -> None:
        async for text in socket:
            frame = json.loads(text)
            if frame["type"] == "telemetry":
                measured = datetime.fromisoformat(frame["data"]["ts"]).timestamp()
                wire.late_s.append(time.time() - measured)

    async with viewing(platform, serial) as socket:
        watching = asyncio.create_task(watch(socket), name=f"viewer-{serial}")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
