"""`sunsweep`: one command line for everything behind the broker."""

import asyncio
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from sunsweep import __version__
from sunsweep.cli import logs
from sunsweep.cli.accounts import companies, users
from sunsweep.cli.app import app
from sunsweep.cli.backup import backup
from sunsweep.cli.certs import certs, keep_certs
from sunsweep.cli.commands import commands
from sunsweep.cli.deadletters import dead_letters
from sunsweep.cli.doctor import doctor
from sunsweep.cli.first_start import make_first_admin
from sunsweep.cli.interrupt import end_quietly
from sunsweep.cli.ledger import ledger
from sunsweep.cli.machines import machines
from sunsweep.cli.metrics_server import measured
from sunsweep.cli.plainly import fail, plainly
from sunsweep.cli.ports import require
from sunsweep.cli.prepare import prepare
from sunsweep.cli.restore import restore, settle_loaded
from sunsweep.cli.service_accounts import service_accounts
from sunsweep.cli.store import Data, database_url, settings_of
from sunsweep.cli.up import UpOptions
from sunsweep.cli.up import up as run_up
from sunsweep.machine.signals import until_signalled
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.listener import listen
from sunsweep.server.roles import run_ingest, run_roles
from sunsweep.server.settings import BackendSettings, Role, ServeSettings

cli = typer.Typer(
    help="The open fleet platform for solar-panel cleaning machines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.add_typer(companies, name="company")
cli.add_typer(users, name="user")
cli.add_typer(machines, name="machine")
cli.add_typer(commands, name="command")
cli.add_typer(ledger, name="ledger")
cli.add_typer(dead_letters, name="dead-letters")
cli.add_typer(service_accounts, name="account")
cli.command("certs")(certs)
cli.command("keep-certs")(keep_certs)
cli.command("app")(app)
cli.command("prepare")(prepare)
cli.command("doctor")(doctor)
cli.command("backup")(backup)
cli.command("restore")(restore)
cli.command("settle")(settle_loaded)


class Level(StrEnum):
    """What the log leaves out: everything below."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


LogForm = Annotated[logs.LogFormat, typer.Option("--log-format", help="how the log is written")]
LogLevel = Annotated[Level, typer.Option(case_sensitive=False, help="log from here on")]
Roles = Annotated[str, typer.Option(help="which backend roles to run: " + ",".join(Role))]

_ALL = ",".join(Role)


@cli.command()
def up(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="web port")] = 8000,
    mqtt_port: Annotated[int, typer.Option(min=1, max=65_535, help="port of the local broker")] = 1883,
    data: Annotated[Path, typer.Option(help="folder that keeps everything")] = Path("data"),
    machines: Annotated[int, typer.Option(min=0, max=5000, help="simulated machines")] = 20,
    speed: Annotated[float, typer.Option(min=0.1, max=1000, help="how fast the simulated day passes")] = 1.0,
    interval: Annotated[float, typer.Option(min=0.2, help="seconds between two samples of a machine")] = 2.0,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="take the next free port where one is busy")] = False,  # noqa: FBT002
    show: Annotated[bool, typer.Option("--show", help="print the first live frames of a machine")] = False,  # noqa: FBT002
    roles: Roles = _ALL,
    log_level: LogLevel = Level.WARNING,
    log_format: LogForm = logs.LogFormat.TEXT,
) -> None:
    """Run everything on this computer: local broker, backend, a demo company with simulated machines."""
    logs.set_up(log_level, log_format)
    options = UpOptions(
        host=host,
        port=port,
        mqtt_port=mqtt_port,
        data=data,
        machines=machines,
        speed=speed,
        interval_s=interval,
        free_ports=free_ports,
        show=show,
        roles=_roles(roles),
    )
    _run(run_up(options))


@cli.command()
def serve(
    roles: Roles = _ALL,
    data: Data = None,
    log_level: LogLevel = Level.INFO,
    log_format: LogForm = logs.LogFormat.TEXT,
) -> None:
    """Run backend roles against the configured broker and database."""
    logs.set_up(log_level, log_format)
    chosen = _roles(roles)

    async def work() -> None:
        settings = settings_of(ServeSettings, data)
        if not chosen & {Role.API, Role.LIVE}:
            with measured(settings.metrics_host, settings.metrics_port, "SUNSWEEP_METRICS_PORT"):
                await run_roles(settings, chosen, None)
            return
        port = require(settings.host, settings.port, "SUNSWEEP_PORT")
        with listen(settings.host, port) as listener:
            await make_first_admin(settings)
            await run_roles(settings, chosen, listener)

    _run(until_signalled(work()))


@cli.command()
def ingest(
    data: Data = None,
    members: Annotated[
        int | None, typer.Option(min=1, max=1024, help="sessions that all ingests share from now on; not for mosquitto")
    ] = None,
    metrics_port: Annotated[int | None, typer.Option(min=0, max=65_535, help="serve /metrics and /healthz")] = None,
    metrics_host: Annotated[str | None, typer.Option(help="address that they listen on")] = None,
    log_level: LogLevel = Level.INFO,
    log_format: LogForm = logs.LogFormat.TEXT,
) -> None:
    """Run the ingest alone: broker to database. Beside another one it stands by, or takes its share of the members."""
    logs.set_up(log_level, log_format)

    async def work() -> None:
        settings = settings_of(BackendSettings, data)
        host = metrics_host or settings.metrics_host
        port = settings.metrics_port if metrics_port is None else metrics_port
        with measured(host, port, "--metrics-port"):
            await run_ingest(settings, members=members)

    _run(until_signalled(work()))


@cli.command()
def migrate(data: Data = None) -> None:
    """Bring the database to this program's schema."""

    async def work(url: str) -> None:
        database = Database(url)
        try:
            await upgrade(database)
        finally:
            await database.close()

    with plainly():
        asyncio.run(work(database_url(data)))
    print("the database's schema is up to date")


@cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def simulate(context: typer.Context) -> None:
    """Run simulated machines against any broker (`simulate --help`)."""
    try:
        from sunsweep.sim import __main__ as simulator  # noqa: PLC0415  a server need not have what machines are made of
    except ModuleNotFoundError as error:
        missing = f"the simulated machines are not installed ({error.name} is missing)"
        raise fail(f"{missing}: pip install 'sunsweep[machine,sim]'") from error
    raise typer.Exit(simulator.main(context.args, prog="sunsweep simulate"))


@cli.callback(invoke_without_command=True)
def common(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:  # noqa: FBT002
    """Say which version this is."""
    if version:
        print(f"sunsweep {__version__}")
        raise typer.Exit


def _roles(text: str) -> frozenset[Role]:
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in set(Role)]:
        raise fail(f"there is no role {unknown[0]!r}; the roles are {_ALL}")
    return frozenset(map(Role, words))


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end; what an operator can mend is said in a line."""
    try:
        with plainly():
            uvloop.run(work)
    finally:
        end_quietly()
