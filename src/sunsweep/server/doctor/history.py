"""What grows: partitions ahead, what should be gone, and what is still to be counted."""

from typing import Final

from sunsweep.server.db.partitions import partitions
from sunsweep.server.db.state import state_of
from sunsweep.server.doctor import repository
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, fails, ok, warning
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.words import plural, span
from sunsweep.server.jobs.partition import WEEK_MS, WEEKS_AHEAD

DAY_MS: Final = 86_400_000
_LATE_MS: Final = 2 * 3_600_000
_MARKS: Final = 100_000
_SLACK_DAYS: Final = 2
"""Retention keeps a day more than was promised, and looks once an hour."""


async def _look_at_partitions(around: Surroundings) -> list[Finding]:
    if around.database.is_sqlite:
        return [ok("SQLite has none")]
    until_ms = max((week.until_ms for week in await partitions(around.database)), default=0)
    ahead_ms = until_ms - around.now_ms()
    remedy = "`jobs` makes them: see whether it runs, and its log"
    if ahead_ms < WEEK_MS:
        words = "telemetry has no partition" + (f" beyond the next {span(ahead_ms)}" if ahead_ms > 0 else " for today")
        return [fails(f"{words}: all goes into one that can never be dropped by itself", remedy)]
    if ahead_ms < (WEEKS_AHEAD - 1) * WEEK_MS:
        return [warning(f"partitions stand for {span(ahead_ms)} only, of {WEEKS_AHEAD} weeks", remedy)]
    return [ok(f"partitions stand for the next {span(ahead_ms)}")]


async def _look_at_retention(around: Surroundings) -> list[Finding]:
    days = around.settings.retention_days
    oldest_ms = await _overdue(around, around.now_ms() - (days + _SLACK_DAYS) * DAY_MS)
    if oldest_ms is None:
        return [ok(f"raw measurements older than {plural(days, 'day')} are gone")]
    words = (
        f"raw measurements of {span(around.now_ms() - oldest_ms)} ago are still there; {plural(days, 'day')} are kept"
    )
    return [warning(words, "`jobs` drops what has been counted: see `counting` here, and its log")]


async def _overdue(around: Surroundings, bound_ms: int) -> int | None:
    """When the oldest is from that should be gone, as far as it can be told without reading all of it."""
    if around.database.is_sqlite:
        async with around.database.read() as session:
            return await repository.oldest_sample(session, before_ms=bound_ms)
    # Whole weeks go; the oldest of them is empty while the platform is young.
    old = [week.until_ms for week in await partitions(around.database) if week.until_ms <= bound_ms - WEEK_MS]
    if not old:
        return None
    async with around.database.read() as session:
        return await repository.oldest_sample(session, before_ms=max(old))


async def _look_at_counting(around: Surroundings) -> list[Finding]:
    async with around.database.read() as session:
        lag_ms = around.now_ms() - await state_of(session, "rolled_until")
        marks = await repository.hours_to_count(session)
        companies = await repository.companies(session)
    findings = []
    remedy = "`jobs` counts: see whether it runs, and its log"
    if lag_ms > DAY_MS:
        findings.append(fails(f"roll-ups and ledger are {span(lag_ms)} behind", remedy))
    elif lag_ms > _LATE_MS:
        findings.append(warning(f"roll-ups and ledger are {span(lag_ms)} behind", remedy))
    if marks > _MARKS:
        findings.append(warning(f"{plural(marks, 'hour')} of machines are to be counted again", remedy))
    whose = plural(companies, "company", "companies")
    return findings or [
        ok(f"roll-ups and ledger of {whose} are up to date; {plural(marks, 'hour')} to be counted again")
    ]


PARTITIONS: Final = Check("partitions", "MySQL: weekly partitions stand ahead of time", _look_at_partitions)
RETENTION: Final = Check("retention", "Raw measurements that are too old are gone", _look_at_retention, 30.0)
COUNTING: Final = Check("counting", "Roll-ups and ledger are up to date; hours to be counted again", _look_at_counting)
