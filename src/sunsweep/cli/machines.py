"""Admin verbs on machines."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from msgspec import json
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.cli.audit import record
from sunsweep.cli.store import Data, on_database
from sunsweep.contract.times import iso
from sunsweep.contract.topics import machine_rule
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Machine
from sunsweep.server.features.accounts.service import known_company
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.features.enrolment import service as enrolment
from sunsweep.server.features.enrolment.service import Issued
from sunsweep.server.features.machines import repository, service
from sunsweep.server.features.machines.current import shown_status
from sunsweep.server.features.machines.service import Login

machines = typer.Typer(help="Machines and their logins at the broker.", no_args_is_help=True)

Serial = Annotated[str, typer.Argument(help="serial number, machine_id in the topics")]
Company = Annotated[int, typer.Option(help="number of the company")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]

Result = TypeVar("Result")


@machines.command("add")
def add(serial: Serial, company: Company = 1, as_json: AsJson = False, data: Data = None) -> None:  # noqa: FBT002
    """Add a machine; prints its MQTT username and password once."""

    async def work(database: Database) -> Login:
        async with database.write() as session:
            _, login = await service.add(session, company, serial, now_ms=wall_clock())
            await _record_login(session, Action.MACHINE_ADD, login)
            return login

    _print(on_database(data, work), as_json=as_json)


@machines.command("rotate")
def rotate(
    serial: Serial,
    company: Company = 1,
    overlap: Annotated[
        int,
        typer.Option(min=0, max=service.OVERLAP_S, help="seconds that the old logins are good; 0: they end at once"),
    ] = service.OVERLAP_S,
    as_json: AsJson = False,  # noqa: FBT002
    data: Data = None,
) -> None:
    """A new login; the old one ends when the new one first connects, or after the overlap."""

    async def work(session: AsyncSession, machine: Machine) -> Login:
        login = await service.rotate(session, machine, now_ms=wall_clock(), overlap_s=overlap)
        await _record_login(session, Action.MACHINE_ROTATE, login)
        return login

    _print(_on_machine(data, company, serial, work), as_json=as_json)


@machines.command("code")
def code(
    serial: Serial,
    company: Company = 1,
    expires_in: Annotated[
        int, typer.Option(min=enrolment.MIN_LIFE_S, max=enrolment.MAX_LIFE_S, help="seconds that it is good")
    ] = enrolment.DEFAULT_LIFE_S,
    as_json: AsJson = False,  # noqa: FBT002
    data: Data = None,
) -> None:
    """A one-time code for `sunsweep-machine enroll`; a new one ends the older."""

    async def work(session: AsyncSession, machine: Machine) -> Issued:
        issued = await enrolment.issue(session, machine, life_s=expires_in, now_ms=wall_clock())
        until = {"expires_at": iso(issued.expires_at)}
        await record(session, Action.MACHINE_CODE, f"machine {serial}", company_id=company, detail=until)
        return issued

    issued = _on_machine(data, company, serial, work)
    expires_at = iso(issued.expires_at)
    if as_json:
        print(json.encode({"code": issued.code, "expires_at": expires_at}).decode())
        return
    print(f"code for machine {serial} of company {company}, good once, until {expires_at}:")
    print(f"  {issued.code}")
    print(f"  sunsweep-machine enroll --server URL --code {issued.code}")


@machines.command("move")
def move(
    serial: Serial,
    to: Annotated[int, typer.Option(help="number of the other company")],
    company: Company = 1,
    as_json: AsJson = False,  # noqa: FBT002
    data: Data = None,
) -> None:
    """Archive the machine here and make it anew in another company, with a new login."""

    async def work(session: AsyncSession, machine: Machine) -> Login:
        login = (await service.move(session, machine, to, now_ms=wall_clock())).login
        # Each of the two companies reads that it has gone or come, and not where or whence.
        gone = {"moved": "away"}
        await record(session, Action.MACHINE_MOVE, f"machine {serial}", company_id=company, detail=gone)
        await _record_login(session, Action.MACHINE_MOVE, login, moved="here")
        return login

    _print(_on_machine(data, company, serial, work), as_json=as_json)


@machines.command("disable")
def disable(serial: Serial, company: Company = 1, data: Data = None) -> None:
    """Take a machine's access to the broker away, at once."""
    _enable(data, company, serial, enabled=False)


@machines.command("enable")
def enable(serial: Serial, company: Company = 1, data: Data = None) -> None:
    """Give a machine its access back."""
    _enable(data, company, serial, enabled=True)


@machines.command("list")
def list_machines(company: Company = 1, data: Data = None) -> None:
    """List the machines of a company with their newest state."""

    async def work(database: Database) -> None:
        after = ""
        async with database.read() as session:
            await known_company(session, company)
            while rows := await repository.page(session, company, after=after, limit=500):
                for machine, status in rows:
                    state = (shown_status(status) or "no status yet") if status else "never heard"
                    presence = status.presence if status else ""
                    enabled = "" if machine.enabled else "disabled"
                    print(f"{machine.serial:<24} {state:<16} {presence:<8} {machine.name:<32} {enabled}".rstrip())
                after = rows[-1][0].serial

    on_database(data, work)


def _enable(data: Path | None, company: int, serial: str, *, enabled: bool) -> None:
    async def work(session: AsyncSession, machine: Machine) -> None:
        changed = await service.change(session, machine, {"enabled": enabled}, now_ms=wall_clock())
        await record(session, Action.MACHINE_CHANGE, f"machine {serial}", company_id=company, detail=changed)

    async def afterwards(session: AsyncSession, machine: Machine) -> None:
        await service.shut_out(session, machine, now_ms=wall_clock())

    _on_machine(data, company, serial, work)
    _on_machine(data, company, serial, afterwards)
    print(f"{serial} is {'enabled' if enabled else 'disabled'}")


def _on_machine(
    data: Path | None, company: int, serial: str, work: Callable[[AsyncSession, Machine], Awaitable[Result]]
) -> Result:
    async def run(database: Database) -> Result:
        async with database.write() as session:
            return await work(session, await service.known(session, company, serial, lock=True))

    return on_database(data, run)


async def _record_login(session: AsyncSession, action: Action, login: Login, **more: str) -> None:
    told = {"mqtt_username": login.mqtt_username} | more
    await record(session, action, f"machine {login.machine_id}", company_id=login.company_id, detail=told)


def _print(login: Login, *, as_json: bool) -> None:
    if as_json:
        print(json.encode(login).decode())
        return
    print(f"machine {login.machine_id} of company {login.company_id}; the password is shown this once:")
    print(f"  username  {login.mqtt_username}\n  password  {login.mqtt_password}")
    print(f"  topics    {machine_rule(login.company_id, login.machine_id)}")
