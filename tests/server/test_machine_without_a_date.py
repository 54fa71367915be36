"""The machine program with its clock in 1970, on a real broker and the real backend."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

from sunsweep.contract.times import from_ms
from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.drivers.bench_sky import BenchSky
from sunsweep.machine.drivers.body import Body, Build
from sunsweep.machine.drivers.simulated import embody, morning_clock
from sunsweep.machine.program import Machine
from sunsweep.server.clock import wall_clock
from tests.support.platform import Platform, eventually


class ClockIn1970(SystemClock):
    """A Pi after a power cut, without a time server."""

    @property
    def synchronised(self) -> bool:
        return False

    def now_ms(self) -> int:
        return super().now_ms() % 86_400_000


async def switched_off(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_it_measured_alone_is_dated_by_the_backend_s_word(platform: Platform, tmp_path: Path) -> None:
    login = await platform.add_machine("in-1970")
    clock, random = ClockIn1970(), Random(7)

    def program(url: str) -> Machine:
        config = MachineConfig(
            broker=url,
            company_id=login.company_id,
            machine_id=login.machine_id,
            mqtt_username=login.mqtt_username,
            mqtt_password=login.mqtt_password,
            telemetry_interval_s=0.2,
            state_dir=str(tmp_path),
        )
        body = Body(Build(), BenchSky(), morning_clock(clock, speed=20), random)
        return Machine(config, embody(body), clock=clock, random=random)

    async def holding(machine: Machine, count: int) -> bool:
        return len(machine.outbox) >= count

    began_ms = wall_clock()
    alone = program("mqtt://127.0.0.1:9")
    task = asyncio.create_task(alone.run(), name="alone")
    await eventually(lambda: holding(alone, 5))
    assert list(alone.outbox.pending()) == []
    await switched_off(task)
    lone, kept = alone.outbox.boot, alone.outbox.last_seq

    again_ms = wall_clock()
    machine = program(platform.settings.mqtt_url)
    task = asyncio.create_task(machine.run(), name="machine")

    async def boots() -> dict[int, Any] | None:
        found = await platform.get("/machines/in-1970/ledger", as_="viewer@example.com")
        boots = {boot["boot"]: boot for boot in found["items"]}
        both = {int(lone), machine.outbox.boot} <= boots.keys()
        return boots if both and boots[lone]["stored"]["count"] == kept else None

    ledger: dict[int, Any] = await eventually(boots)
    await switched_off(task)
    assert ledger[lone]["last"] == kept
    span = {"from": from_ms(began_ms - 3_600_000).isoformat(), "to": from_ms(wall_clock()).isoformat()}
    rows = (await platform.get("/machines/in-1970/telemetry", params=span | {"resolution": "raw"}))["items"]
    estimated = [row for row in rows if row["extra"].get("ts_estimated")]
    exact = [row for row in rows if not row["extra"].get("ts_estimated")]
    assert len(estimated) >= 4
    assert exact
    stamps = [row["ts"] for row in rows]
    assert all(from_ms(began_ms - 1000).isoformat()[:19] <= stamp[:19] for stamp in stamps)
    assert min(row["ts"] for row in exact)[:19] >= from_ms(again_ms - 1000).isoformat()[:19]
    assert max(row["ts"] for row in estimated) < min(row["ts"] for row in exact)
