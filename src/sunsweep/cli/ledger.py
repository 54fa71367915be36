"""The ledger, recounted."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Final

import typer
from msgspec import json

from sunsweep.cli.machines import AsJson
from sunsweep.cli.store import Data, on_database
from sunsweep.contract.topics import is_serial
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.features.ledger.check import Checked, Disagreement, check
from sunsweep.server.features.ledger.repository import MachineName, machine_names

ledger = typer.Typer(help="What became of the machines' numbered messages.", no_args_is_help=True)

FIGURES: Final = (
    "machines",
    "boots",
    "stored",
    "rejected",
    "given_up",
    "not_yet_arrived",
    "unnumbered",
    "disagreements",
)
MAX_SHOWN: Final = 1000
"""Disagreements that are printed; all of them are counted."""

EVERY: Final = 100
"""Machines between two words of progress."""

Asked = Annotated[str | None, typer.Option("--machine", help="this serial only; of company 1 where none is named")]
Company = Annotated[int | None, typer.Option(min=1, help="number of the company; default: all of them")]


@ledger.command("check")
def check_ledger(machine: Asked = None, company: Company = None, as_json: AsJson = False, data: Data = None) -> None:  # noqa: FBT002
    """Recount from the raw rows: exit code 1 if what was counted disagrees, 2 if it cannot be checked."""
    try:
        found = on_database(data, lambda database: _check(database, machine, company))
    except typer.Exit as cannot:
        raise typer.Exit(2) from cannot
    print(
        json.encode(found.figures | {"shown": [wrong._asdict() for wrong in found.shown]}).decode()
        if as_json
        else found
    )
    if found.figures["disagreements"]:
        raise typer.Exit(1)


@dataclass
class Summary:
    """What was found, as it comes; of the disagreements only the first are kept."""

    figures: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(FIGURES, 0)))
    shown: list[Disagreement] = field(default_factory=list)

    def add(self, checked: Checked) -> None:
        sums = (1, checked.boots, *checked.totals, checked.unnumbered, len(checked.disagreements))
        self.figures.update(dict(zip(FIGURES, sums, strict=True)))
        self.shown += checked.disagreements[: MAX_SHOWN - len(self.shown)]

    def __str__(self) -> str:
        figures = (f"{name.replace('_', ' '):<16} {count}" for name, count in self.figures.items())
        return "\n".join([*map(_words, self.shown), *figures])


async def _check(database: Database, serial: str | None, company: int | None) -> Summary:
    machines = await _machines(database, serial, company)
    found = Summary()
    async for checked in check(database, machines, now_ms=wall_clock):
        found.add(checked)
        if (done := found.figures["machines"]) % EVERY == 0:
            typer.echo(f"{done} of {len(machines)} machines", err=True)
    return found


async def _machines(database: Database, serial: str | None, company: int | None) -> list[MachineName]:
    if serial is not None and not is_serial(serial):
        raise typer.BadParameter(f"{serial!r} is no serial")
    named = company if serial is None or company is not None else 1
    async with database.read() as session:
        found = await machine_names(session, named, serial)
    if serial is not None and not found:
        raise typer.BadParameter(f"company {named} has no machine {serial}")
    if company is not None and not found:
        raise typer.BadParameter(f"company {company} has no machines")
    return found


def _words(wrong: Disagreement) -> str:
    what = "hour" if wrong.boot is None else f"boot {wrong.boot}, " + ("in all" if wrong.start is None else "day")
    when = "" if wrong.start is None else f" {wrong.start}"
    where = f"machine {wrong.machine_id} of company {wrong.company_id}"
    source = "rows" if wrong.start else "days"
    return f"{where}, {what}{when}: counted {wrong.counted}; the {source} say {wrong.found}"
