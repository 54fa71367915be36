"""Orders from the command line: written into the database, from where a running `dispatch` sends them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, NoReturn

import typer
from msgspec import DecodeError, json

from sunsweep.cli.audit import record
from sunsweep.cli.plainly import fail, printable
from sunsweep.cli.store import Data, on_database
from sunsweep.contract.commands import ENDED
from sunsweep.contract.times import iso
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import CommandEvent
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.features.commands import repository, service
from sunsweep.server.features.commands.lifecycle import State
from sunsweep.server.features.machines.service import known

commands = typer.Typer(help="Orders to machines.", no_args_is_help=True)

LOOK_EVERY_S: Final = 0.2

Tell = Callable[[CommandEvent], None]


@commands.callback()
def _group() -> None:
    """Orders to machines."""


@commands.command("send")
def send(
    machine: Annotated[str, typer.Argument(help="serial number of the machine")],
    command: Annotated[str, typer.Argument(help="such as start_cleaning or stop_cleaning")],
    params: Annotated[list[str] | None, typer.Argument(help="parameters, such as speed=5 mode=auto")] = None,
    company: Annotated[int, typer.Option(help="number of the company")] = 1,
    expires_in: Annotated[
        int | None, typer.Option(min=1, max=604_800, help="seconds that it may wait; a stop never expires")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="wait for the outcome; fails unless it succeeded")] = False,  # noqa: FBT002
    timeout: Annotated[float, typer.Option(min=0, help="seconds to wait at most")] = 60.0,
    data: Data = None,
) -> None:
    """Send a command to a machine; `dispatch` of the running backend takes it from the database within a second."""
    wish = service.Wish(command, _values(params or []), expires_in)

    async def give(database: Database) -> tuple[int, str]:
        async with database.write() as session:
            found = await known(session, company, machine, lock=True)
            row, _ = await service.give(session, found, wish, user_id=None, now_ms=wall_clock())
            told = {"id": row.id, "command": row.command}
            await record(session, Action.COMMAND_GIVE, f"machine {machine}", company_id=company, detail=told)
            return found.id, row.id

    machine_id, command_id = on_database(data, give)
    print(f"{command} for {machine}: {command_id}", flush=True)
    if not wait:
        return
    last = on_database(data, lambda database: _follow(database, machine_id, command_id, timeout, _print))
    if last.state != State.SUCCEEDED:
        _fail(last, timeout)


async def _follow(database: Database, machine_id: int, command_id: str, timeout_s: float, tell: Tell) -> CommandEvent:
    """Tell every step of its life as it comes; returns the last one, which is its end unless the time is over."""
    ends_at = time.monotonic() + timeout_s
    told = 0
    while True:
        steps = await _steps(database, machine_id, command_id)
        for step in steps[told:]:
            tell(step)
        told = len(steps)
        last = steps[-1]
        if last.state in ENDED or last.state == State.UNCONFIRMED or time.monotonic() >= ends_at:
            return last
        await asyncio.sleep(LOOK_EVERY_S)


async def _steps(database: Database, machine_id: int, command_id: str) -> Sequence[CommandEvent]:
    async with database.read() as session:
        return await repository.events(session, machine_id, command_id)


def _print(step: CommandEvent) -> None:
    print(printable(f"{iso(step.at)}  {step.state:<11} {step.reason}".rstrip()), flush=True)


def _fail(last: CommandEvent, timeout_s: float) -> NoReturn:
    if last.state in ENDED or last.state == State.UNCONFIRMED:
        raise fail(f"the command is {last.state}" + (f": {printable(last.reason)}" if last.reason else ""))
    raise fail(f"the command is still {last.state} after {timeout_s:g} s; it goes on without this program")


def _values(params: Sequence[str]) -> dict[str, Any]:
    """`speed=5` is a number, `mode=auto` a text: what reads as JSON is JSON."""
    found: dict[str, Any] = {}
    for param in params:
        name, is_one, text = param.partition("=")
        if not is_one or not name:
            raise fail(f"{param!r} is no parameter; write name=value")
        if name in found:
            raise fail(f"the parameter {name} is given twice")
        try:
            found[name] = json.decode(text)
        except DecodeError:
            found[name] = text
    return found
