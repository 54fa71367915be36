"""A doctor of the tests': one check at a time, with what it is handed bent as a test wishes."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.examine import examine
from sunsweep.server.doctor.findings import Finding, Level
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.features.audit import service as audit
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.features.audit.actors import nobody
from sunsweep.server.settings import ServeSettings


async def note(session: AsyncSession, action: Action, what: str, detail: Mapping[str, Any]) -> None:
    await audit.record(session, nobody("test"), action, what, company_id=None, detail=detail, now_ms=wall_clock())


def surroundings(settings: ServeSettings, database: Database, **more: Any) -> Surroundings:
    given: dict[str, Any] = {"now_ms": wall_clock, "synchronised": lambda: True, "note": note, "serving": settings}
    return Surroundings(settings=settings, database=database, **(given | more))


async def look(check: Check, around: Surroundings) -> Sequence[Finding]:
    """By the way that the verb takes too."""
    (answer,) = [answer async for answer in examine([check], around)]
    return answer.findings


def levels(findings: Sequence[Finding]) -> set[Level]:
    return {finding.level for finding in findings}


def told(findings: Sequence[Finding], level: Level) -> list[str]:
    """The words of one level; each that is not well says what to do."""
    found = [finding for finding in findings if finding.level is level]
    assert all(finding.remedy for finding in found if level in (Level.WARNING, Level.FAILS)), found
    return [finding.words for finding in found]


def later(days: float) -> Any:
    """A clock that far ahead."""
    return lambda: wall_clock() + round(days * 86_400_000)
