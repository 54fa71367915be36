"""One scenario from beginning to end."""

import asyncio
import json
import logging
from pathlib import Path

from sqlalchemy import func, select

from sunsweep.mqtt.client import wall_clock_ms
from sunsweep.server.db.models import LedgerDay
from tests.chaos.account import FieldReport
from tests.chaos.acts import Scenario, wreak
from tests.chaos.verdict import Tables, complaints, recount
from tests.chaos.world import Size, World, world
from tests.support.command import sunsweep
from tests.support.mariadb import MariaDB

log = logging.getLogger("chaos")
BARE_WITHIN_S = 30.0

MARIADB = Scenario("mariadb, everything dies", broker_dies=True)
BROKER_LIVES = Scenario("mariadb, the broker lives")
SQLITE = Scenario("sqlite, with a full disk", database="sqlite")
TWO_WORKERS = Scenario("mariadb, two workers share two members, the broker lives", workers=2)
SCENARIOS = (MARIADB, BROKER_LIVES, SQLITE, TWO_WORKERS)


async def play(
    scenario: Scenario,
    folder: Path,
    mariadb: MariaDB,
    *,
    seed: int,
    seconds: float,
    size: Size = Size(),  # noqa: B008  frozen
) -> None:
    """Raises `AssertionError` where anything is lost, doubled, or in doubt."""
    log.info("%s: %.0f s of chaos, seed %d", scenario.name, seconds, seed)
    server = mariadb if scenario.database == "mariadb" else None
    async with world(folder, server, worker_count=scenario.workers, size=size, seed=seed) as it:
        await wreak(it, scenario, seed, seconds)
        log.info("all is well again")
        report = await it.settle()
        tables, found = await _judge(it, report)
        found += await _ledger_complaints(it, tables)
        folded = await _folded(it)
    _tell(it, report, tables)
    log.info("%d days of the ledger were folded by the jobs, which ended with %s", folded, it.jobs.ended)
    assert not found, f"seed {seed}: " + "\n".join(found)


async def _judge(it: World, report: FieldReport) -> tuple[Tables, list[str]]:
    """What the broker still holds of bare machines may come a little later than the last receipt."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BARE_WITHIN_S
    while True:
        tables = await recount(it.platform.database, wall_clock_ms())
        found = complaints(report, tables, broker_killed_at=it.broker_killed_at)
        found += ["an ingest has crashed" for worker in it.workers if worker.crashed]
        found += ["the jobs have crashed"] * it.jobs.crashed
        if not found or loop.time() > deadline:
            return tables, found
        await asyncio.sleep(0.5)


async def _ledger_complaints(it: World, tables: Tables) -> list[str]:
    """The platform's own account, by its own verb."""
    ended = await sunsweep(
        "ledger", "check", "--json", env={"SUNSWEEP_DATABASE_URL": it.platform.settings.database_url}
    )
    if ended.code != 0:
        return [f"sunsweep ledger check ended with {ended.code}: {ended.out}{ended.err}"]
    figures = json.loads(ended.out)
    counted = {"stored": sum(map(len, tables.stored.values())), "not_yet_arrived": 0}
    return [
        f"the ledger says {figures[name]} {name}, the tables {count}"
        for name, count in counted.items()
        if figures[name] != count
    ]


async def _folded(it: World) -> int:
    async with it.platform.database.read() as session:
        return await session.scalar(select(func.count()).select_from(LedgerDay)) or 0


def _tell(it: World, report: FieldReport, tables: Tables) -> None:
    sums = [sum(len(words) for words in some.values()) for some in (tables.stored, tables.rejected, tables.lost)]
    log.info("%d boots, %d numbers drawn: %d stored, %d rejected, %d given up", len(report.lives),
        sum(life.last_seq for life in report.lives), *sums,
    )  # fmt: skip
    log.info(
        "bare: %d said, %d acknowledged, %d stored %d times; ingests ended with %s",
        sum(bare.said for bare in report.bare),
        sum(len(bare.acknowledged) for bare in report.bare),
        sum(map(len, tables.bare.values())),
        sum(rows.total() for rows in tables.bare.values()),
        [worker.ended for worker in it.workers],
    )
