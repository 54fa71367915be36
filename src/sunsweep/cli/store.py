"""Which database an admin verb works on, and waiting until a running broker has followed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from sunsweep.server.broker.logins import wait_applied
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.errors import SunsweepError
from sunsweep.server.roles import SchemaError, require_schema
from sunsweep.server.settings import BackendSettings, folder_database_url

Result = TypeVar("Result")

Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="SUNSWEEP_DATA", help="folder of `sunsweep up`; default: SUNSWEEP_DATABASE_URL"),
]


def fail(message: object) -> typer.Exit:
    """Say it plainly on stderr; raise what this returns."""
    typer.echo(f"sunsweep: {message}", err=True)
    return typer.Exit(1)


def database_url(data: Path | None) -> str:
    """The configured database's address."""
    if data is None:
        return BackendSettings().database_url
    if not (data / "sunsweep.db").exists():
        raise fail(f"{data} is no folder of `sunsweep up`: there is no sunsweep.db in it")
    return folder_database_url(data)


def on_database(data: Path | None, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run a verb, then wait until a running local broker has applied what it changed."""

    async def run() -> Result:
        database = Database(database_url(data))
        try:
            await require_schema(database)
            result = await work(database)
            await wait_applied(database, now_ms=wall_clock)
        finally:
            await database.close()
        return result

    try:
        return asyncio.run(run())
    except (SunsweepError, SchemaError) as error:
        raise fail(getattr(error, "detail", error)) from error
