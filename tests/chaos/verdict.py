"""Afterwards: what the machines say, against what the tables hold."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import (
    CommandResult,
    DeadLetter,
    LedgerEnd,
    LedgerLoss,
    Machine,
    StatusEvent,
    TelemetryRow,
)
from tests.chaos.account import Bare, FieldReport, Life

EXCUSED_MS: Final = 20_000
"""mosquitto saves every 10 s and loses at a SIGKILL what came since; it may have stood still for a while before."""
LONG_AGO_MS: Final = 200 * 24 * 3_600_000

Key = tuple[str, int]


@dataclass
class Tables:
    """A recount of the raw rows: per machine and boot, and of bare machines."""

    stored: dict[Key, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    rejected: dict[Key, set[int]] = field(default_factory=lambda: defaultdict(set))
    lost: dict[Key, set[int]] = field(default_factory=lambda: defaultdict(set))
    ends: dict[Key, int] = field(default_factory=dict)
    bare: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))


async def recount(database: Database, now_ms: int) -> Tables:
    async with database.read() as session:
        serials = {row.id: row.serial for row in (await session.execute(select(Machine.id, Machine.serial))).all()}
        tables = Tables()
        await _count_history(session, serials, tables, now_ms)
        await _count_words(session, serials, tables)
    return tables


async def _count_history(session: AsyncSession, serials: dict[int, str], tables: Tables, now_ms: int) -> None:
    for table in (TelemetryRow, StatusEvent, CommandResult):
        within = (table.ts >= now_ms - LONG_AGO_MS) & (table.ts < now_ms + LONG_AGO_MS)
        numbered = select(table.machine_id, table.boot, table.seq).where(within, table.boot > 0)
        for machine, boot, seq in await session.execute(numbered):
            tables.stored[serials[machine], boot][seq] += 1
    within = (TelemetryRow.ts >= now_ms - LONG_AGO_MS) & (TelemetryRow.ts < now_ms + LONG_AGO_MS)
    bare = select(TelemetryRow.machine_id, TelemetryRow.extra).where(within, TelemetryRow.boot == 0)
    for machine, extra in await session.execute(bare):
        tables.bare[serials[machine]][json.loads(extra or "{}").get("n", 0)] += 1


async def _count_words(session: AsyncSession, serials: dict[int, str], tables: Tables) -> None:
    """Refusals, and what the machines have told of themselves."""
    for letter in await session.scalars(select(DeadLetter)):
        assert letter.machine_id is not None, letter.reason
        assert letter.boot is not None, letter.reason
        assert letter.seq is not None, letter.reason
        tables.rejected[serials[letter.machine_id], letter.boot].add(letter.seq)
    for loss in await session.scalars(select(LedgerLoss)):
        tables.lost[serials[loss.machine_id], loss.boot] |= set(range(loss.first_seq, loss.last_seq + 1))
    for end in await session.scalars(select(LedgerEnd)):
        tables.ends[serials[end.machine_id], end.boot] = end.last_seq


def complaints(report: FieldReport, tables: Tables, *, broker_killed_at: Collection[int]) -> list[str]:
    """Everything that is not as it must be, in words."""
    unknown = tables.stored.keys() - {(life.machine_id, life.boot) for life in report.lives}
    found = [f"{machine} has rows of a boot it never had: {boot}" for machine, boot in unknown]
    for life in report.lives:
        found += [f"{life.machine_id} boot {life.boot}: {words}" for words in _about(life, tables)]
    ended = {(before.machine_id, before.boot): before.last_seq for before in _ended(report.lives)}
    found += [f"{key}: the end of the boot is not told" for key, last in ended.items() if tables.ends.get(key) != last]
    for bare in report.bare:
        found += _about_bare(bare, tables.bare[bare.machine_id], broker_killed_at)
    return found


def _ended(lives: list[Life]) -> Iterable[Life]:
    """Lives that another one of the same machine came after."""
    return (life for life, after in pairwise(lives) if life.machine_id == after.machine_id)


def _about(life: Life, tables: Tables) -> Iterable[str]:
    key = (life.machine_id, life.boot)
    rows, refused, lost = tables.stored[key], tables.rejected[key], tables.lost[key]
    stored, numbers = set(rows), set(range(1, life.last_seq + 1))
    if life.pending:
        yield f"still in the outbox: {_some(life.pending)}"
    if missing := numbers - stored - refused - lost - life.pending:
        yield f"missing: {_some(missing)}"
    if invented := (stored | refused | lost) - numbers:
        yield f"never drawn by the machine: {_some(invented)}"
    if doubled := {seq for seq, times in rows.items() if times > 1}:
        yield f"stored more than once: {_some(doubled)}"
    if both := stored & refused:
        yield f"stored and rejected: {_some(both)}"
    if false := life.stored - stored:
        yield f"receipted as stored, and not there: {_some(false)}"
    if false := life.rejected - refused:
        yield f"receipted as rejected, and no dead letter: {_some(false)}"
    if lost != life.given_up:
        yield f"given up as told {_some(lost)}, as known {_some(life.given_up)}"
    if life.counted != (len(life.stored), len(life.rejected), len(life.given_up)):
        yield f"the outbox counted {life.counted}"


def _about_bare(bare: Bare, rows: Counter[int], killed_at: Collection[int]) -> Iterable[str]:
    # The answer may still have been on its way when the broker was killed.
    lost = {
        number
        for number, (said, answered) in bare.acknowledged.items()
        if number not in rows and not any(said <= killed <= answered + EXCUSED_MS for killed in killed_at)
    }
    if lost:
        yield f"{bare.machine_id}: acknowledged by the broker, and not there: {_some(lost)}"


def _some(numbers: Collection[int]) -> str:
    return f"{len(numbers)} ({', '.join(map(str, sorted(numbers)[:10]))})"
