"""The database takes nothing: nothing is acknowledged, nothing is rejected, and afterwards everything is there."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server import metrics
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import DeadLetter
from sunsweep.server.db.seats import member_id
from sunsweep.server.ingest import consume
from sunsweep.server.ingest.pipeline import Ingest
from tests.support.load import BURST, Load, bare_numbers, numbered_seqs
from tests.support.mariadb import MariaDB, running_mariadb
from tests.support.platform import BACKEND, HOST, Platform, eventually, new_platform, topic

KEEP_ALIVE_S = 1


@asynccontextmanager
async def platform_on(url: str, folder: Path) -> AsyncIterator[Platform]:
    """A broker and no backend."""
    running = await new_platform(url, folder)
    try:
        await running.start_broker()
        yield running
    finally:
        await running.stop()


@asynccontextmanager
async def ingest_on(platform: Platform) -> AsyncIterator[Ingest]:
    """The ingest with a keep-alive of a second."""
    connection = ConnectionSettings(
        host=HOST,
        port=platform.mqtt_port,
        username=BACKEND,
        password=platform.settings.mqtt_password.get_secret_value(),
        client_id=member_id(0),
        clean_start=False,
        session_expiry_s=3600,
        keep_alive_s=KEEP_ALIVE_S,
    )
    database = Database(platform.settings.database_url)
    ingest = Ingest(database, connection, retention_days=90)
    task = asyncio.create_task(ingest.run(), name="ingest")
    try:
        async with asyncio.timeout(5):
            await ingest.wait_connected()
        yield ingest
    finally:
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        await database.close()
    assert isinstance(outcome, asyncio.CancelledError), outcome


@asynccontextmanager
async def feeding(platform: Platform) -> AsyncIterator[tuple[Load, list[Any]]]:
    """A load, and the receipts that come for it."""
    login = await platform.add_machine("M-1")
    password = await platform.add_service_account("feeder", ("publish", "company/#"), ("subscribe", "company/#"))
    told: list[Any] = []
    receipts = topic(login, "receipt")
    async with platform.mqtt("feeder", password, receipts, on_messages=told.extend) as feeder:
        yield Load(feeder, topic(login, "telemetry")), told


async def outage(platform: Platform, away: Callable[[], AbstractAsyncContextManager[None]]) -> None:
    """Messages before, while and after the database is away."""
    async with feeding(platform) as (load, told), ingest_on(platform) as ingest:
        await load.burst()
        await eventually(lambda: all_there(platform, load))
        await eventually(lambda: as_value(len(told)))
        connection, receipts = ingest._client.connection, len(told)
        async with away():
            await load.burst()
            await asyncio.sleep(2.5 * KEEP_ALIVE_S)
            assert ingest.connected
            assert ingest._client.connection == connection
            assert len(told) == receipts
        await load.burst()
        await eventually(lambda: all_there(platform, load), within_s=30)
        await eventually(lambda: as_value(len(told) > receipts))
    await check_once(platform)


async def check_once(platform: Platform) -> None:
    assert set((await numbered_seqs(platform.database)).values()) == {1}
    async with platform.database.read() as session:
        assert (await session.execute(select(func.count()).select_from(DeadLetter))).scalar_one() == 0


async def test_mariadb_stands_still(platform_on_own_mariadb: tuple[Platform, MariaDB]) -> None:
    platform, server = platform_on_own_mariadb

    @asynccontextmanager
    async def standing_still() -> AsyncIterator[None]:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(server.pid, signal.SIGCONT)

    await outage(platform, standing_still)


async def test_every_session_of_mariadb_is_killed_again_and_again(
    platform_on_own_mariadb: tuple[Platform, MariaDB],
) -> None:
    platform, server = platform_on_own_mariadb
    async with feeding(platform) as (load, _), ingest_on(platform):
        async with load.running():
            for _ in range(10):
                before = (await numbered_seqs(platform.database)).total()
                await asyncio.to_thread(server.kill_sessions)
                await eventually(lambda before=before: stored_more(platform, before))  # type: ignore[misc]  # a lambda with a default
        await eventually(lambda: all_there(platform, load), within_s=30)
    await check_once(platform)


async def test_mariadb_is_killed_and_started_again(platform_on_own_mariadb: tuple[Platform, MariaDB]) -> None:
    platform, server = platform_on_own_mariadb

    @asynccontextmanager
    async def gone() -> AsyncIterator[None]:
        await asyncio.to_thread(server.kill)
        try:
            yield
        finally:
            await asyncio.to_thread(server.start)

    await outage(platform, gone)


async def test_another_writer_holds_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    @asynccontextmanager
    async def locked() -> AsyncIterator[None]:
        writer = sqlite3.connect(make_url(sqlite_url).database or "", isolation_level=None, check_same_thread=False)
        # Not in the loop, which whoever writes just now needs in order to end.
        await asyncio.to_thread(writer.execute, "BEGIN IMMEDIATE")
        yield
        writer.execute("ROLLBACK")
        writer.close()

    async with platform_on(sqlite_url, tmp_path) as platform:
        await outage(platform, locked)


async def test_a_table_is_missing(database_url: str, tmp_path: Path) -> None:
    async with platform_on(database_url, tmp_path) as platform, feeding(platform) as (load, _), ingest_on(platform):
        await platform.rename("telemetry", "telemetry_gone")
        await load.burst()
        await eventually(lambda: as_value(metrics.STORE_AWAY._value.get()))
        await platform.rename("telemetry_gone", "telemetry")
        await eventually(lambda: all_there(platform, load), within_s=20)
        await check_once(platform)


async def test_qos_0_is_let_go_of_and_counted_and_memory_is_bounded(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "MAX_WAITING_BYTES", 400_000)
    monkeypatch.setattr(consume, "MAX_QOS0_BYTES", 200_000)
    dropped = metrics.DROPPED_QOS0._value.get()
    big = b'{"note":"%b"}' % (b"x" * 10_000)
    async with (
        platform_on(sqlite_url, tmp_path) as platform,
        feeding(platform) as (load, _),
        ingest_on(platform) as ingest,
    ):
        await platform.rename("telemetry", "telemetry_gone")
        for _ in range(100):
            await load.publish(big, qos=0)
        await eventually(lambda: as_value(metrics.DROPPED_QOS0._value.get() > dropped))
        assert ingest._inbox._bytes < 250_000
        for _ in range(100):
            await load.publish(big, qos=1)
        await load.burst()
        await eventually(lambda: as_value(ingest._inbox._bytes > 400_000))
        assert ingest._inbox._bytes < 800_000
        await asyncio.sleep(2.5 * KEEP_ALIVE_S)
        assert ingest.connected
        await platform.rename("telemetry_gone", "telemetry")
        await eventually(lambda: all_there(platform, load), within_s=20)
        assert ingest._inbox._bytes == 0


async def test_the_broker_restarts_while_a_batch_waits_for_the_database(sqlite_url: str, tmp_path: Path) -> None:
    """Acknowledgements are bound to their connection: those of the old one may not confirm what they never named."""
    async with platform_on(sqlite_url, tmp_path) as platform, feeding(platform) as (load, _):
        async with ingest_on(platform) as ingest:
            await platform.rename("telemetry", "telemetry_gone")
            await load.burst()
            await eventually(lambda: as_value(metrics.STORE_AWAY._value.get()))
            await platform.stop_broker()
            await platform.start_broker()
            await eventually(lambda: as_value(ingest.connected and load.connected))
            await load.burst()
            await platform.rename("telemetry_gone", "telemetry")
            await eventually(lambda: all_there(platform, load), within_s=20)
        stored = (await bare_numbers(platform.database)).total()
        async with ingest_on(platform):
            await load.burst()
            await eventually(lambda: all_there(platform, load), within_s=20)
        assert (await bare_numbers(platform.database)).total() == stored + BURST
        await check_once(platform)


async def as_value(value: Any) -> Any:
    return value


async def stored_more(platform: Platform, before: int) -> bool:
    return (await numbered_seqs(platform.database)).total() > before


async def all_there(platform: Platform, load: Load) -> bool:
    seqs, bare = await numbered_seqs(platform.database), await bare_numbers(platform.database)
    return load.numbered <= seqs.keys() and load.bare <= bare.keys()


@pytest.fixture(scope="module")
def own_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """One that may be stopped and killed."""
    with running_mariadb(tmp_path_factory.mktemp("own")) as server:
        yield server


@pytest.fixture
async def platform_on_own_mariadb(own_mariadb: MariaDB, tmp_path: Path) -> AsyncIterator[tuple[Platform, MariaDB]]:
    async with platform_on(own_mariadb.create_database(), tmp_path) as platform:
        yield platform, own_mariadb
