"""What machines of earlier versions sent, sent again: this backend stores and answers all of it as those expect."""

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from sunsweep.contract.times import iso
from sunsweep.mqtt.port import Message
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import CommandResult, CommandRow, DeadLetter, Machine, StatusEvent, TelemetryRow
from sunsweep.server.features.machines.service import Login
from tests.support.platform import Platform, eventually, running_platform, topic
from tests.upgrades.record import SERIAL, Head, Line, read

TRAFFIC = Path(__file__).with_name("traffic")
RECORDED = sorted(file.stem for file in TRAFFIC.glob("[0-9]*.jsonl"))
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
AGO_MS = 60_000
"""The last of it was sent a minute ago."""

Numbers = set[tuple[int, int]]


@pytest.fixture
async def platform(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    async with running_platform(sqlite_url, tmp_path) as running:
        yield running


def of_today(head: Head, lines: Sequence[Line]) -> list[Line]:
    """The same, with every instant moved to now; all else to the byte as it was sent."""
    later = timedelta(milliseconds=wall_clock() - AGO_MS - head.recorded_at)

    def moved(instant: re.Match[str]) -> str:
        return iso(round((datetime.fromisoformat(instant[0]) + later).timestamp() * 1000))

    return [Line(line.channel, INSTANT.sub(moved, line.payload), line.qos) for line in lines]


def numbers(lines: Sequence[Line]) -> Numbers:
    bodies = [json.loads(line.payload) for line in lines]
    return {(body["boot"], body["seq"]) for body in bodies if "seq" in body}


class Receipts:
    """What a machine is told."""

    def __init__(self) -> None:
        self.stored: Numbers = set()
        self.rejected: list[Any] = []
        self.has_now = False

    def take(self, messages: list[Message]) -> None:
        for message in messages:
            told = json.loads(message.payload)
            self.has_now |= "now" in told
            self.rejected += told.get("rejected", [])
            for first, last in told.get("seq", []):
                self.stored |= {(told["boot"], seq) for seq in range(first, last + 1)}


async def send(platform: Platform, login: Login, lines: Sequence[Line]) -> Receipts:
    receipts = Receipts()
    names = (login.mqtt_username, login.mqtt_password, topic(login, "receipt"))
    wanted = numbers(lines)
    async with platform.mqtt(*names, on_messages=receipts.take) as machine:
        for line in lines:
            await machine.publish(topic(login, line.channel), line.payload.encode(), qos=line.qos)

        async def told_of_all() -> bool:
            return receipts.stored >= wanted and (receipts.has_now or not wanted)

        await eventually(told_of_all)
    return receipts


async def stored(platform: Platform) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    async with platform.database.read() as session:
        for table in (TelemetryRow, StatusEvent, CommandResult):
            numbered = select(table.boot, table.seq).where(table.boot > 0)
            found += [(boot, seq) for boot, seq in await session.execute(numbered)]
    return found


async def give(platform: Platform, head: Head) -> None:
    """The commands of then, sent and not yet answered."""
    async with platform.database.write() as session:
        machine = (await session.scalars(select(Machine).where(Machine.serial == SERIAL))).one()
        now_ms = wall_clock()
        for given in head.commands:
            words = {"params": "{}", "state": "sent", "sends": 1, "issued_at": now_ms, "changed_at": now_ms}
            place = {"company_id": machine.company_id, "machine_id": machine.id}
            session.add(CommandRow(id=given.id, command=given.command, sent_at=now_ms, **place, **words))


def test_something_is_recorded() -> None:
    assert len(RECORDED) >= 2


@pytest.mark.parametrize("version", RECORDED)
async def test_a_machine_of_an_earlier_version_is_understood(platform: Platform, version: str) -> None:
    head, recorded = read(TRAFFIC / f"{version}.jsonl")
    lines = of_today(head, recorded)
    login = await platform.add_machine(SERIAL)
    await give(platform, head)
    receipts = await send(platform, login, lines)
    wanted = numbers(lines)
    assert receipts.stored == wanted
    assert receipts.rejected == []
    assert sorted(await stored(platform)) == sorted(wanted)
    async with platform.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(DeadLetter)) == 0
    now = {item["id"]: item["state"] for item in (await platform.get(f"/machines/{SERIAL}/commands"))["items"]}
    assert now == {given.id: given.state for given in head.commands}
    shown = await platform.get(f"/machines/{SERIAL}/status")
    assert (shown["presence"], shown["software"]) == ("offline", head.software)
    by_boot = defaultdict(set)
    for boot, seq in wanted:
        by_boot[boot].add(seq)
    for boot in (await platform.get(f"/machines/{SERIAL}/ledger"))["items"]:
        seqs = by_boot.pop(boot["boot"])
        assert boot["last"] >= max(seqs)
        assert boot["stored"]["count"] == len(seqs)
        assert boot["not_yet_arrived"]["count"] == boot["last"] - len(seqs)
    assert by_boot == {}


async def test_a_bare_machine_is_understood(platform: Platform) -> None:
    _, lines = read(TRAFFIC / "bare.jsonl")
    login = await platform.add_machine(SERIAL)
    receipts = await send(platform, login, lines)

    async def rows() -> list[dict[str, Any]]:
        found = await platform.telemetry(SERIAL, resolution="raw")
        return found if len(found) == 4 else []

    found = await eventually(rows)
    assert sorted((row["battery"] for row in found), key=str) == [13.3, 13.4, 13.5, None]
    assert receipts.stored == set()

    async def gone() -> dict[str, Any]:
        shown: dict[str, Any] = await platform.get(f"/machines/{SERIAL}/status")
        return shown if shown["presence"] == "offline" else {}

    shown = await eventually(gone)
    assert (shown["energy"], shown["water"], shown["area"]) == (150.5, 25.0, 450.0)
    async with platform.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(DeadLetter)) == 0
