"""`sunsweep`: one command line for everything behind the broker."""

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from pydantic import ValidationError

from sunsweep import __version__
from sunsweep.cli import logs
from sunsweep.cli.accounts import companies, users
from sunsweep.cli.folder import FolderBusyError
from sunsweep.cli.machines import machines
from sunsweep.cli.ports import PortTakenError, choose
from sunsweep.cli.store import Data, fail
from sunsweep.cli.up import UpOptions
from sunsweep.cli.up import up as run_up
from sunsweep.mqtt.local_broker import BrokerError
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.roles import ALL_ROLES, SchemaError, run_ingest, run_roles
from sunsweep.server.settings import BackendSettings, Role, ServeSettings
from sunsweep.server.web import listen
from sunsweep.sim import __main__ as simulator

cli = typer.Typer(
    help="The open fleet platform for solar-panel cleaning machines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.add_typer(companies, name="company")
cli.add_typer(users, name="user")
cli.add_typer(machines, name="machine")

LogLevel = Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR")]
Roles = Annotated[str, typer.Option(help="which backend roles to run: " + ",".join(Role))]

_ALL = ",".join(Role)
Settings = TypeVar("Settings", bound=BackendSettings)
_WORDS = (PortTakenError, FolderBusyError, BrokerError, SchemaError, FileNotFoundError)


@cli.command()
def up(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="web port")] = 8000,
    mqtt_port: Annotated[int, typer.Option(help="port of the local broker")] = 1883,
    data: Annotated[Path, typer.Option(help="folder that keeps everything")] = Path("data"),
    machines: Annotated[int, typer.Option(min=0, max=5000, help="simulated machines")] = 20,
    speed: Annotated[float, typer.Option(min=0.1, max=1000, help="how fast the simulated day passes")] = 1.0,
    interval: Annotated[float, typer.Option(min=0.2, help="seconds between two samples of a machine")] = 5.0,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="take the next free port where one is busy")] = False,  # noqa: FBT002
    show: Annotated[bool, typer.Option("--show", help="print the first live frames of a machine")] = False,  # noqa: FBT002
    roles: Roles = _ALL,
    log_level: LogLevel = "WARNING",
) -> None:
    """Run everything on this computer: local broker, backend, a demo company with simulated machines."""
    logs.set_up(log_level)
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
def serve(roles: Roles = _ALL, data: Data = None, log_level: LogLevel = "INFO") -> None:
    """Run backend roles against the configured broker and database."""
    logs.set_up(log_level)
    chosen = _roles(roles)
    settings = _settings(ServeSettings, data)
    needs_web = chosen & {Role.API, Role.LIVE}

    async def work() -> None:
        if not needs_web:
            await run_roles(settings, chosen, None)
            return
        port = choose(settings.host, settings.port, "SUNSWEEP_PORT =", next_free=False)
        with listen(settings.host, port) as listener:
            await run_roles(settings, chosen, listener)

    _run(_until_told(work()))


@cli.command()
def ingest(data: Data = None, log_level: LogLevel = "INFO") -> None:
    """Run the ingest alone: broker to database."""
    logs.set_up(log_level)
    _run(_until_told(run_ingest(_settings(BackendSettings, data))))


@cli.command()
def migrate(data: Data = None) -> None:
    """Bring the database to this program's schema."""
    settings = _settings(BackendSettings, data)

    async def work() -> None:
        database = Database(settings.database_url)
        try:
            await upgrade(database)
        finally:
            await database.close()

    asyncio.run(work())
    print("the database's schema is up to date")


@cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def simulate(context: typer.Context) -> None:
    """Run simulated machines against any broker (`simulate --help`)."""
    raise typer.Exit(simulator.main(context.args))


@cli.callback(invoke_without_command=True)
def common(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:  # noqa: FBT002
    """Say which version this is."""
    if version:
        print(f"sunsweep {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point."""
    cli()


def _roles(text: str) -> frozenset[Role]:
    try:
        return frozenset(Role(word.strip()) for word in text.split(",")) or ALL_ROLES
    except ValueError as error:
        raise fail(f"{error}; the roles are {_ALL}") from error


def _settings(kind: type[Settings], data: Path | None) -> Settings:
    try:
        return kind() if data is None else kind.of_folder(data)
    except ValidationError as error:
        words = "; ".join(f"SUNSWEEP_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise fail(words) from error
    except FileNotFoundError as error:
        raise fail(f"{data} is no folder of `sunsweep up`: there is no {Path(error.filename).name} in it") from error


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    """Run until SIGINT or SIGTERM."""
    task = asyncio.create_task(work, name="work")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end; what an operator can mend is said in a line."""
    try:
        uvloop.run(work)
    except Exception as error:
        plain = _plain(error)
        if plain is None:
            raise
        raise fail(plain) from error


def _plain(error: Exception) -> Exception | None:
    """The error that speaks for itself, also where a group of tasks wraps it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, _WORDS) else None
