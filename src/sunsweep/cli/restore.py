"""`sunsweep restore`: a backup in the place of an SQLite database; `sunsweep settle`: one loaded by other means."""

import asyncio
import time
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from sqlalchemy import URL

from sunsweep import __version__
from sunsweep.cli.audit import record
from sunsweep.cli.backup import SPARE_BYTES, Force, Progress, kept_files, sqlite_file, tidy_end
from sunsweep.cli.folder import Folder
from sunsweep.cli.plainly import plainly
from sunsweep.cli.store import Data, database_url
from sunsweep.contract.times import iso
from sunsweep.server.backup import package, sqlite_copy
from sunsweep.server.backup.errors import BackupError
from sunsweep.server.backup.package import DATABASE, Manifest
from sunsweep.server.backup.place import Replacement, put_in_place
from sunsweep.server.backup.settle import Settled, settle
from sunsweep.server.backup.workplace import workplace
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import revisions, upgrade
from sunsweep.server.db.state import unsettled_since
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.settings import BACKEND_FILE

EndKeys = Annotated[bool, typer.Option("--end-keys", help="revoke every API key too")]

KEYS: Final = "API keys are good as they were then, also those that were revoked since (--end-keys revokes all)"
SINCE: Final = (
    "What was done since is not known here: look through the people and machines that were disabled, the passwords and "
    "logins that were changed, and the stops that were given (docs/backup.md)."
)


def restore(
    backup: Annotated[Path, typer.Argument(help="a file that `sunsweep backup` has made")],
    force: Force = False,  # noqa: FBT002
    end_keys: EndKeys = False,  # noqa: FBT002
    data: Data = None,
) -> None:
    """Put a backup in the place of an SQLite database that nobody uses; the one before it is kept beside."""
    with plainly(), tidy_end():
        file = backup.resolve()
        manifest = package.manifest_of(file)
        if manifest.schema not in revisions():
            raise BackupError(
                f"{backup} was made by sunsweep {manifest.software}, which is newer than this {__version__}: "
                f"restore it with that version or a later one"
            )
        target = sqlite_file(data, new=True)
        with _alone(data):
            if target.exists() and not force:
                raise BackupError(f"{target} is there already; --force puts it aside and the backup in its place")
            settled, aside = _restore(file, manifest, target, data, end_keys=end_keys)
    print(f"{target} is the backup of {iso(manifest.taken_at)}")
    if aside is not None:
        print(f"what was there before is in {aside}")
    _tell(settled)
    if data is None:
        print("Have SUNSWEEP_SECRET_KEY be another before anything is started: it ends the access tokens of then.")


def settle_loaded(
    taken_at: Annotated[
        datetime | None, typer.Option(help="when the backup was taken, UTC; default: as restore.sh has noted it")
    ] = None,
    end_keys: EndKeys = False,  # noqa: FBT002
    data: Data = None,
) -> None:
    """End what a database loaded from a dump or a copy must not go on believing; before anything is started."""
    taken_ms = None if taken_at is None else round(taken_at.replace(tzinfo=UTC).timestamp() * 1000)

    async def work(url: str) -> Settled:
        database = Database(url)
        try:
            # Before anything is changed: it may be the database that is in use.
            moment_ms = await _noted(database) if taken_ms is None else taken_ms
            await upgrade(database)
            return await _settle(database, moment_ms, end_keys=end_keys)
        finally:
            await database.close()

    with plainly():
        url = database_url(data)
        with _alone(data):
            settled = asyncio.run(work(url))
    _tell(settled)
    print("Have SUNSWEEP_SECRET_KEY be another before anything is started: it ends the access tokens of then.")


def _alone(data: Path | None) -> AbstractContextManager[object]:
    """The folder of `sunsweep up`, held, so that nobody else works in it; without one it is a server's own affair."""
    return nullcontext() if data is None else Folder(data)


def _restore(
    backup: Path, manifest: Manifest, target: Path, data: Path | None, *, end_keys: bool
) -> tuple[Settled, Path | None]:
    package.require_room(target.parent, 2 * manifest.database_bytes + SPARE_BYTES)
    if target.exists():
        sqlite_copy.take_alone(target)
    files = {} if data is None else {file.name: file for file in kept_files(Folder(data))}
    with workplace(target.parent) as place:
        fresh = place / DATABASE
        contents = package.unpack(backup, manifest, fresh, tuple(files), Progress("unpacked"))
        sqlite_copy.verify(fresh, str(backup))
        if sqlite_copy.schema_of(fresh) != manifest.schema:
            raise BackupError(f"{backup} is damaged: its database is not the one that its manifest tells of")
        settled = asyncio.run(_bring_up(fresh, manifest.taken_at, end_keys=end_keys))
        sqlite_copy.take_alone(fresh)
        aside = put_in_place(_replacement(place, target, data, contents), stamp=time.strftime("%Y%m%dT%H%M%S"))
    return settled, aside


def _replacement(place: Path, target: Path, data: Path | None, contents: dict[str, bytes]) -> Replacement:
    """The files of the backup, and whatever of these the folder has now; its secret goes, so that tokens end."""
    home = target.parent if data is None else data.resolve()
    fresh = {}
    for name, content in contents.items():
        file = place / name
        file.touch(mode=0o600)
        file.write_bytes(content)
        fresh[home / name] = file
    others = (
        () if data is None else (*(file.resolve() for file in kept_files(Folder(data))), data.resolve() / BACKEND_FILE)
    )
    return Replacement(database=target, fresh_database=place / DATABASE, fresh=fresh, gone=others)


async def _bring_up(file: Path, taken_ms: int, *, end_keys: bool) -> Settled:
    database = Database(URL.create("sqlite+aiosqlite", database=str(file)).render_as_string())
    try:
        await upgrade(database)
        return await _settle(database, taken_ms, end_keys=end_keys)
    finally:
        await database.close()


async def _noted(database: Database) -> int:
    """When the backup was taken (ms), as restore.sh has noted it; raises `BackupError`."""
    async with database.read() as session:
        taken_ms = await unsettled_since(session)
    if taken_ms is None:
        raise BackupError("nothing says that this database was loaded from a backup; --taken-at says so")
    return taken_ms


async def _settle(database: Database, taken_ms: int, *, end_keys: bool) -> Settled:
    async with database.write() as session:
        if await unsettled_since(session) == 0:
            raise BackupError("this database was not loaded to its end: load the dump into another one that is empty")
        settled = await settle(session, taken_ms=taken_ms, end_keys=end_keys, now_ms=wall_clock())
        detail = {"taken_at": iso(taken_ms), **settled._asdict()}
        await record(session, Action.DATABASE_RESTORE, "database", company_id=None, detail=detail)
    return settled


def _tell(settled: Settled) -> None:
    for number, what in (
        (settled.expired, "starts that waited then have expired"),
        (settled.unconfirmed, "starts that were under way then are unconfirmed"),
        (settled.open_stops, "stops that were open then are open, and are sent again"),
        (settled.runs, "bulk runs have ended"),
        (settled.logins, "logins have ended: everybody logs in again"),
        (settled.codes, "enrolment codes have ended"),
        (settled.keys, KEYS),
    ):
        print(f"{number:>6}  {what}")
    print(SINCE)
