"""`sunsweep doctor`: whether everything that has to work does."""

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from msgspec import json
from pydantic import ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.cli import audit
from sunsweep.cli.folder import FolderError
from sunsweep.cli.plainly import fault, printable
from sunsweep.cli.store import Data, settings_of
from sunsweep.machine.clock import KernelClock
from sunsweep.machine.signals import INTERRUPTED, until_signalled
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.checks import CHECKS
from sunsweep.server.doctor.examine import Answer, examine
from sunsweep.server.doctor.findings import Finding, Level
from sunsweep.server.doctor.surroundings import GIB, Limits, Surroundings
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.settings import BackendSettings, ServeSettings

FAILED: Final = 1
CANNOT_RUN: Final = 2
_CLOSE_S: Final = 5.0


def doctor(
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,  # noqa: FBT002
    metrics: Annotated[
        list[str] | None,
        typer.Option(help="URL of a process's /metrics, such as an ingest's; may be given several times"),
    ] = None,
    without: Annotated[list[str] | None, typer.Option(help="leave a check out; may be given several times")] = None,
    min_free_gib: Annotated[float, typer.Option(min=0, help="less room on a disk fails")] = 2.0,
) -> None:
    """Check everything that has to work, in plain words; exit code 1 where something fails."""
    left_out = without or []
    if unknown := [name for name in left_out if name not in {check.name for check in CHECKS}]:
        raise _cannot(f"there is no check {unknown[0]!r}; there are {', '.join(check.name for check in CHECKS)}")
    checks = [check for check in CHECKS if check.name not in left_out]
    try:
        settings = settings_of(BackendSettings, data)
        database = Database(settings.database_url)
        missing = _missing(database, settings.database_url)
    except (ValidationError, FolderError, ArgumentError, NoSuchModuleError, OSError) as error:
        raise _cannot(fault(error)) from error
    if missing is not None:
        raise _cannot(f"there is no database {missing}; `sunsweep migrate` makes one")
    serving, serving_fault = _serving(data)
    around = Surroundings(
        settings=settings,
        serving=serving,
        serving_fault=serving_fault,
        database=database,
        folder=data,
        now_ms=wall_clock,
        synchronised=lambda: KernelClock().synchronised,
        note=_note,
        limits=Limits(min_free_bytes=round(min_free_gib * GIB)),
        metrics_urls=tuple(metrics or ()),
    )
    answers: list[Answer] = []
    asyncio.run(until_signalled(_run(checks, around, answers, _Lines(checks, quiet=as_json))))
    whole = len(answers) == len(checks)
    if as_json:
        print(json.encode(_document(answers, whole=whole)).decode())
    if not whole:
        raise typer.Exit(INTERRUPTED)
    if any(finding.level is Level.FAILS for answer in answers for finding in answer.findings):
        raise typer.Exit(FAILED)


async def _run(checks: Sequence[Check], around: Surroundings, answers: list[Answer], lines: "_Lines") -> None:
    try:
        async for answer in examine(checks, around):
            answers.append(answer)
            lines.told(answer)
        lines.summed_up(answers)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await around.database.close()


class _Lines:
    """What people read: a line for each finding, and meanwhile, on a terminal, what is still waited for."""

    def __init__(self, checks: Sequence[Check], *, quiet: bool) -> None:
        self._waiting = [check.name for check in checks]
        self._quiet = quiet
        self._shows_progress = sys.stderr.isatty()
        self._progress()

    def told(self, answer: Answer) -> None:
        self._waiting.remove(answer.check.name)
        self._wipe()
        if not self._quiet:
            for finding in answer.findings:
                print(_line(answer.check.name, finding), flush=True)
        self._progress()

    def summed_up(self, answers: Sequence[Answer]) -> None:
        levels = Counter(finding.level for answer in answers for finding in answer.findings)
        if not self._quiet:
            failed, warned, unknown = levels[Level.FAILS], levels[Level.WARNING], levels[Level.UNKNOWN]
            words = f"{failed} to be mended, {warned} to be looked at, {unknown} unknown"
            print(f"\n{words if failed or warned or unknown else 'all is well'}")

    def _progress(self) -> None:
        if self._shows_progress and self._waiting:
            sys.stderr.write(f"... {', '.join(self._waiting)}"[:79])
            sys.stderr.flush()

    def _wipe(self) -> None:
        if self._shows_progress:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _line(name: str, finding: Finding) -> str:
    remedy = f". {finding.remedy[:1].upper()}{finding.remedy[1:]}" if finding.remedy else ""
    return printable(f"{finding.level:<8} {name:<11} {finding.words}{remedy}")


def _document(answers: Sequence[Answer], *, whole: bool) -> Mapping[str, Any]:
    found = [(answer.check.name, finding) for answer in answers for finding in answer.findings]
    return {
        "ok": whole and all(finding.level is not Level.FAILS for _, finding in found),
        "findings": [
            {"check": name, "level": finding.level, "words": finding.words, "remedy": finding.remedy}
            for name, finding in found
        ],
    }


def _missing(database: Database, url: str) -> Path | None:
    """The file of SQLite that is not there, and that it would make once it is asked; raises OSError."""
    file = Path(make_url(url).database or "")
    return file if database.is_sqlite and not file.is_file() else None


def _serving(data: Path | None) -> tuple[ServeSettings | None, str]:
    """What `serve` needs on top may be missing where only an ingest runs."""
    try:
        return settings_of(ServeSettings, data), ""
    except ValidationError as error:
        return None, fault(error)


async def _note(session: AsyncSession, action: Action, what: str, detail: Mapping[str, Any]) -> None:
    """Of the platform's own: no company's admin is to read of it."""
    await audit.record(session, action, what, company_id=None, detail=detail)


def _cannot(words: str) -> typer.Exit:
    typer.echo(f"sunsweep: {words}", err=True)
    return typer.Exit(CANNOT_RUN)
