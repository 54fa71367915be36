"""A stage of the ingest that does not move says so, and where it hangs; a commit that hangs does not hang for ever."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from sunsweep.contract.codec import decode_telemetry
from sunsweep.mqtt.port import Message
from sunsweep.server import metrics
from sunsweep.server.db import engine
from sunsweep.server.db.engine import Database
from sunsweep.server.ingest import receipt, watch
from sunsweep.server.ingest.messages import Accepted, MachineRef
from sunsweep.server.ingest.pipeline import Ingest
from sunsweep.server.ingest.receipt import Receipts
from sunsweep.server.ingest.watch import Look, Watch, stack_of
from sunsweep.server.roles import member_connection
from tests.support.load import Load, bare_numbers, numbered_seqs
from tests.support.platform import Platform, eventually, new_platform, topic
from tests.support.proxy import Proxy, proxy_to


def gauge(stage: str) -> float:
    value: float = metrics.STUCK.labels(stage)._value.get()
    return value


def test_a_stage_is_told_of_once_and_again_when_it_moves() -> None:
    seconds = 0.0
    watcher = Watch(lambda: Look({"commit": seconds, "receipts": 1.0}, inbox=7, receipts=2), lambda: None)
    with capture_logs() as logs:
        for seconds in (14.0, 16.0, 17.0, 0.5):
            watcher.look()
            assert gauge("commit") == (seconds > 15)
    assert [(line["log_level"], line["stage"]) for line in logs] == [("warning", "commit"), ("info", "commit")]
    assert (logs[0]["seconds"], logs[0]["inbox"], logs[0]["receipts"]) == (16.0, 7, 2)
    assert logs[1]["seconds"] == 17.0


async def test_the_stack_of_a_task_names_the_innermost_call_last() -> None:
    entered = asyncio.Event()

    async def inner() -> None:
        entered.set()
        await asyncio.Event().wait()

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer())
    await entered.wait()
    names = [call.split()[-1] for call in stack_of(task).split(" > ")]
    assert names == ["outer", "inner", "wait"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert stack_of(None) == ""


async def test_receipts_that_cannot_be_told_wait_visibly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that takes nothing from us, though it is connected."""
    monkeypatch.setattr(receipt, "GATHER_S", 0.0)
    client = DeafClient()
    receipts = Receipts(client, now_ms=lambda: 0)  # type: ignore[arg-type]  # it only publishes
    body = decode_telemetry(b'{"ts":"2026-01-01T00:00:00.000Z","boot":1,"seq":1}')
    message = Message("t", b"", 1, False, 1, 1, 0)
    running = asyncio.create_task(receipts.run())
    assert (receipts.waiting, receipts.waiting_s) == (0, 0.0)
    receipts.committed([Accepted(message, MachineRef(1, 1, "M-1", 0), body, 0, 0, 1)])
    await client.asked.wait()
    assert receipts.waiting == 1
    assert receipts.waiting_s > 0
    client.hears.set()
    await eventually(lambda: is_zero(receipts))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


class DeafClient:
    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hears = asyncio.Event()

    async def publish_all(self, *_: Any) -> None:
        self.asked.set()
        await self.hears.wait()


async def is_zero(receipts: Receipts) -> bool:
    return (receipts.waiting, receipts.waiting_s) == (0, 0.0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "STUCK_AFTER_S", 0.5)
    monkeypatch.setattr(watch, "LOOK_S", 0.05)
    monkeypatch.setattr(engine, "INGEST_SILENCE_S", 1)
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 1)


@asynccontextmanager
async def feeding(url: str, ingest_url: str, folder: Path) -> AsyncIterator[tuple[Platform, Load]]:
    """An ingest over `ingest_url`, and messages that come."""
    platform = await new_platform(url, folder)
    database = Database(ingest_url)
    ingest = Ingest(database, member_connection(platform.settings), retention_days=90)
    try:
        await platform.start_broker()
        login = await platform.add_machine("M-1")
        password = await platform.add_service_account("feeder", ("publish", "company/#"))
        running = asyncio.create_task(ingest.run(), name="ingest")
        try:
            async with platform.mqtt("feeder", password) as feeder:
                yield platform, Load(feeder, topic(login, "telemetry"))
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await database.close()
    finally:
        await platform.stop()


async def stored(platform: Platform, load: Load) -> None:
    async def there() -> bool:
        seqs, bare = await numbered_seqs(platform.database), await bare_numbers(platform.database)
        return load.numbered <= seqs.keys() and load.bare <= bare.keys()

    await eventually(there, within_s=30)


async def says(logs: list[Any], words: str, **fields: Any) -> Any:
    async def said() -> Any:
        return [line for line in logs if words in line["event"] and fields.items() <= line.items()]

    return (await eventually(said, within_s=20))[0]


@pytest.mark.parametrize("known", [True, False], ids=["the machine is known", "the machine is looked up"])
@pytest.mark.usefixtures("impatient")
async def test_a_network_that_goes_silent_is_said_and_survived(mariadb_url: str, tmp_path: Path, known: bool) -> None:  # noqa: FBT001
    address = make_url(mariadb_url)
    async with proxy_to(address.port or 0) as proxy:
        address = address.set(host="127.0.0.1", port=proxy.port, query={"connect_timeout": "1"})
        through = address.render_as_string(hide_password=False)
        async with feeding(mariadb_url, through, tmp_path) as (platform, load):
            if known:
                await load.burst()
                await stored(platform, load)
            await silent(proxy, load)
            await stored(platform, load)
        assert gauge("commit") == 0


async def silent(proxy: Proxy, load: Load) -> None:
    with capture_logs() as logs:
        proxy.go_silent()
        await load.burst()
        stuck = await says(logs, "does not move", stage="commit")
        assert "_commit_until_closed > " in stuck["committer"].replace("\n", "")
        assert gauge("commit") == 1
        await says(logs, "database takes nothing")
        await says(logs, "moves again", stage="commit")
        proxy.pass_again()
        await says(logs, "database is back")


@pytest.mark.usefixtures("impatient")
async def test_a_writer_that_keeps_sqlite_is_said_and_survived(sqlite_url: str, tmp_path: Path) -> None:
    async with feeding(sqlite_url, sqlite_url, tmp_path) as (platform, load):
        writer = sqlite3.connect(make_url(sqlite_url).database or "", isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        with capture_logs() as logs:
            await load.burst()
            await says(logs, "does not move", stage="commit")
            assert "locked" in (await says(logs, "database takes nothing"))["error"]
            writer.execute("ROLLBACK")
            writer.close()
            await says(logs, "database is back")
        await stored(platform, load)
