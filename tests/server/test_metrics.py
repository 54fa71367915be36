"""What is counted is true, is said with its meaning, and is counted by somebody."""

import ast
import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

import sunsweep
from sunsweep.mqtt.port import Message
from sunsweep.server import metrics
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import DirtyHour
from sunsweep.server.db.state import state_of
from sunsweep.server.ingest.consume import Inbox
from sunsweep.server.ingest.store import Store, StoreAwayError
from sunsweep.server.jobs.closing_metrics import measure_closing
from sunsweep.server.metrics_page import documents, ours
from tests.support.platform import Platform, eventually, topic

module_loop = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(sunsweep.__file__).parent


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"sunsweep_{name}", labels) or 0.0


def names_used() -> Iterator[str]:
    """`metrics.NAME`, wherever our code says it."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "metrics":
                yield node.attr


def test_every_metric_is_used() -> None:
    defined = {name for name, metric in vars(metrics).items() if any(metric is one for one in ours())}
    assert defined - set(names_used()) == set()


def test_every_metric_is_exposed_and_explained() -> None:
    (_, page), *_ = documents()
    told = {family.name: family for family in REGISTRY.collect()}
    for metric in ours():
        (family,) = metric.describe()
        assert told[family.name].documentation == family.documentation
        assert len(family.documentation) > 15
        assert f"`{family.name}" in page.decode()


def test_an_inbox_says_how_much_waits_and_since_when() -> None:
    inbox = Inbox()
    assert (len(inbox), inbox.bytes, inbox.oldest_ms) == (0, 0, None)
    inbox.put([Message("t", b"12345", 1, False, 1, 1, at) for at in (17, 18)])
    assert (len(inbox), inbox.bytes, inbox.oldest_ms) == (2, 10, 17)
    inbox.take(1, max_bytes=100)
    assert (len(inbox), inbox.bytes, inbox.oldest_ms) == (1, 5, 18)


WATCHED: dict[str, Mapping[str, str]] = {
    "ingest_received_total": {},
    "ingest_stored_total": {"channel": "telemetry"},
    "ingest_duplicates_total": {"channel": "telemetry"},
    "ingest_rejected_total": {"reason": "not_json"},
    "ingest_batch_rows_sum": {},
    "ingest_batch_bytes_sum": {},
    "ingest_receipts_total": {},
}


def counted() -> dict[str, float]:
    return {name: value(name, **labels) for name, labels in WATCHED.items()}


def seconds(stage: str) -> tuple[float, float]:
    return tuple(value(f"ingest_stage_seconds_{part}", stage=stage) for part in ("count", "sum"))  # type: ignore[return-value]


def sample(seq: int) -> bytes:
    return json.dumps({"battery": 12, "ts": datetime.now(UTC).isoformat(), "boot": 7, "seq": seq}).encode()


@module_loop
async def test_the_numbers_move_as_the_messages_do(shared: Platform) -> None:
    login = await shared.add_machine("M-1")
    await eventually(settled)
    before, lags = counted(), value("ingest_lag_seconds_count")
    stages = {stage: seconds(stage) for stage in ("wait", "lookup", "decode", "commit", "acknowledge", "receipt")}
    fresh, rubbish = [sample(seq) for seq in range(1, 31)], [b"rubbish"] * 3
    payloads = fresh + fresh[:5] + rubbish
    async with shared.mqtt(login.mqtt_username, login.mqtt_password) as machine:
        for payload in payloads:
            await machine.publish(topic(login, "telemetry"), payload, qos=1)

        async def all_there() -> bool:
            return counted()["ingest_batch_rows_sum"] - before["ingest_batch_rows_sum"] == len(payloads) and (
                counted()["ingest_receipts_total"] > before["ingest_receipts_total"]
            )

        await eventually(all_there)
    moved = {name: number - before[name] for name, number in counted().items()}
    assert moved.pop("ingest_receipts_total") >= 1
    assert moved == {
        "ingest_received_total": 38,
        "ingest_stored_total": 30,
        "ingest_duplicates_total": 5,
        "ingest_rejected_total": 3,
        "ingest_batch_rows_sum": 38,
        "ingest_batch_bytes_sum": sum(map(len, payloads)),
    }
    assert value("ingest_lag_seconds_count") > lags
    for stage, (count, total) in stages.items():
        assert seconds(stage)[0] > count, stage
        assert seconds(stage)[1] > total or stage == "wait", stage
    await eventually(settled)


async def settled() -> bool:
    """The member is read through, and nothing waits."""
    shown = REGISTRY.get_sample_value("sunsweep_ingest_inbox_messages", {"member": "0"})
    return shown == 0 and value("ingest_oldest_seconds", member="0") == 0


@module_loop
async def test_connections_to_the_broker_are_counted_by_their_use(shared: Platform) -> None:
    uses = ("bus", "live", "dispatch", "ingest-0")

    def connections() -> dict[str, float]:
        return {use: value("mqtt_connections_total", connection=use) for use in uses}

    await eventually(settled)
    await shared.stop_broker()
    before = connections()
    await shared.start_broker()

    async def again() -> bool:
        return all(connections()[use] > before[use] for use in uses)

    await eventually(again, within_s=20)


@module_loop
async def test_what_waits_while_the_database_is_away_has_an_age(
    shared: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = await shared.add_machine("M-2")
    await eventually(settled)
    may = asyncio.Event()
    commit: Any = Store.commit

    async def held_up(self: Store, batch: Any) -> Any:
        if not may.is_set():
            raise StoreAwayError("not now")
        return await commit(self, batch)

    monkeypatch.setattr(Store, "commit", held_up)
    async with shared.mqtt(login.mqtt_username, login.mqtt_password) as machine:
        await machine.publish(topic(login, "telemetry"), b'{"battery":12}', qos=1)

        async def waits() -> bool:
            return value("ingest_oldest_seconds", member="0") > 0.2

        await eventually(waits)
        may.set()
        await eventually(settled)


@module_loop
async def test_the_pools_say_how_many_connections_are_in_use(shared: Platform) -> None:
    database = shared.database
    async with database.transaction(), database.read() as session:
        await session.connection()
        assert {name for name, pool in database.pools.items() if pool.checkedout()} == set(database.pools)
    assert REGISTRY.get_sample_value("sunsweep_database_connections", {"pool": "all"}) is not None


async def test_the_counting_says_how_far_it_is_behind(database_url: str) -> None:
    database = Database(database_url)
    await upgrade(database)
    async with database.write() as session:
        rolled_until = await state_of(session, "rolled_until")
        session.add_all([DirtyHour(machine_id=machine_id, hour=0) for machine_id in (8, 9)])
    await measure_closing(database, now_ms=lambda: rolled_until + 5_000)
    assert (value("jobs_counted_lag_seconds"), value("jobs_marks_waiting")) == (5, 2)
    await database.close()
