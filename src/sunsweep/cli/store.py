"""Which database an admin verb works on, and waiting until a running broker has followed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from msgspec import DecodeError

from sunsweep.cli.folder import FolderError
from sunsweep.cli.plainly import plainly
from sunsweep.server.broker.logins import wait_applied
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.fit import require_schema
from sunsweep.server.settings import BACKEND_FILE, BackendSettings, folder_database_url

Result = TypeVar("Result")
Settings = TypeVar("Settings", bound=BackendSettings)

Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="SUNSWEEP_DATA", help="folder of `sunsweep up`; default: SUNSWEEP_DATABASE_URL"),
]


def settings_of(kind: type[Settings], data: Path | None) -> Settings:
    """The settings of the environment, or of a folder of `sunsweep up`; raises `ValidationError`, `FolderError`."""
    if data is None:
        return kind()
    try:
        return kind.of_folder(data)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FolderError(f"{data} is no folder of `sunsweep up`: there is no {BACKEND_FILE} in it") from error
    except DecodeError as error:
        raise FolderError(f"{data / BACKEND_FILE} is damaged: {error}") from error


def database_url(data: Path | None) -> str:
    """The configured database's address; raises `ValidationError`, `FolderError`."""
    if data is None:
        return BackendSettings().database_url
    if not (data / "sunsweep.db").exists():
        raise FolderError(f"{data} is no folder of `sunsweep up`: there is no sunsweep.db in it")
    return folder_database_url(data)


def on_database(data: Path | None, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run a verb, then wait until a running local broker has applied what it changed."""

    async def run(url: str) -> Result:
        database = Database(url)
        try:
            await require_schema(database)
            result = await work(database)
            await wait_applied(database, now_ms=wall_clock)
        finally:
            await database.close()
        return result

    with plainly():
        return asyncio.run(run(database_url(data)))
