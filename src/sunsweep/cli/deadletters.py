"""Admin verbs on dead letters: what could not be stored."""

from typing import Annotated

import typer

from sunsweep.cli.audit import record
from sunsweep.cli.plainly import printable
from sunsweep.cli.store import Data, on_database, settings_of
from sunsweep.contract.refusal import Reason
from sunsweep.contract.times import iso
from sunsweep.contract.topics import is_serial
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import DeadLetter
from sunsweep.server.errors import InvalidError
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.features.deadletters import repository
from sunsweep.server.features.deadletters.repository import Selection
from sunsweep.server.features.telemetry.service import read_instant
from sunsweep.server.ingest.replay import Replayed
from sunsweep.server.ingest.replay import replay as feed_in
from sunsweep.server.ingest.store import Committed
from sunsweep.server.settings import BackendSettings

dead_letters = typer.Typer(help="Messages that could not be stored.", no_args_is_help=True)

Company = Annotated[int | None, typer.Option(help="number of the company; default: everybody's and nobody's")]
Machine = Annotated[str | None, typer.Option(help="serial number")]
Why = Annotated[Reason | None, typer.Option(help="why it was refused")]
Since = Annotated[str | None, typer.Option(help="received then or later, such as 2026-01-31T00:00:00Z")]
Until = Annotated[str | None, typer.Option(help="received before")]


@dead_letters.command("list")
def list_letters(
    company: Company = None,
    machine: Machine = None,
    reason: Why = None,
    since: Since = None,
    until: Until = None,
    data: Data = None,
) -> None:
    """List them, the newest first."""

    async def work(database: Database) -> None:
        which, before = _selection(company, machine, reason, since, until), None
        async with database.read() as session:
            while rows := await repository.page(session, which, before=before, limit=500):
                for row in rows:
                    print(_line(row))
                before = rows[-1].id
                session.expunge_all()

    on_database(data, work)


@dead_letters.command("replay")
def replay(
    company: Company = None,
    machine: Machine = None,
    reason: Why = None,
    since: Since = None,
    until: Until = None,
    data: Data = None,
) -> None:
    """Feed them in again, after a fix; what is refused again stays. It may be stopped and begun again at any time."""
    fed_in = 0

    async def progress(committed: Committed) -> None:
        nonlocal fed_in
        fed_in += len(committed.outcome)
        typer.echo(f"{fed_in} fed in", err=True)

    async def work(database: Database) -> Replayed:
        which = _selection(company, machine, reason, since, until)
        async with database.write() as session:
            wanted = {"machine_id": machine, "reason": reason, "from": since, "to": until}
            detail = {name: str(value) for name, value in wanted.items() if value is not None}
            await record(session, Action.DEAD_LETTER_REPLAY, "dead letters", company_id=company, detail=detail)
        days = settings_of(BackendSettings, data).retention_days
        return await feed_in(database, which, retention_days=days, now_ms=wall_clock, done=progress)

    told = on_database(data, work)
    print(f"{told.stored} stored, {told.refused} refused again, {told.without_bytes} without their bytes")


def _line(row: DeadLetter) -> str:
    kept = "" if row.payload is not None else ", not kept"
    line = f"{row.id:>8}  {iso(row.received_at)}  {row.reason:<20} {row.topic}  {row.size} bytes{kept}  {row.detail}"
    return printable(line)


def _selection(
    company: int | None, machine: str | None, reason: Reason | None, since: str | None, until: str | None
) -> Selection:
    """Raises `InvalidError`."""
    if machine is not None and not is_serial(machine):
        raise InvalidError("a serial has 1 to 64 letters, digits, _ or -", field="machine")
    return Selection(
        company,
        everybody=company is None,
        serial=machine,
        reason=reason,
        from_ms=None if since is None else read_instant(since, "--since"),
        to_ms=None if until is None else read_instant(until, "--until"),
    )
