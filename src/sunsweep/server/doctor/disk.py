"""Room on the disks that can be seen from here."""

import shutil
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from sunsweep.server.db.engine import DATABASE_AWAY
from sunsweep.server.doctor import repository
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, fails, ok, unknown, warning
from sunsweep.server.doctor.surroundings import Limits, Surroundings
from sunsweep.server.doctor.threads import in_daemon_thread
from sunsweep.server.doctor.words import reason, size

_WARN_TIMES: Final = 3
_HERE: Final = {"localhost", "127.0.0.1", "::1", "", None}


async def _look(around: Surroundings) -> list[Finding]:
    place = await _database_folder(around)
    findings = []
    if place is None:
        words = "how much room the database has: it is on another computer, or does not say where"
        findings.append(unknown(words, "watch its disk there"))
    folders = dict.fromkeys(one.absolute() for one in (place, around.folder) if one is not None)
    return [*findings, *[await in_daemon_thread(partial(_room, folder, around.limits)) for folder in folders]]


async def _database_folder(around: Surroundings) -> Path | None:
    """None where it is not of this computer."""
    url = make_url(around.settings.database_url)
    if around.database.is_sqlite:
        return Path(url.database or "").parent
    if url.host not in _HERE:
        return None
    try:
        async with around.database.read() as session:
            folder = Path(await repository.mysql_folder(session))
    except DATABASE_AWAY:
        return None
    # Behind a port of this computer it may be a container, with a disk of its own.
    return folder if await in_daemon_thread(folder.is_dir) else None


def _room(folder: Path, limits: Limits) -> Finding:
    try:
        total, _, free = shutil.disk_usage(folder)
    except OSError as error:
        return unknown(f"how much room {folder} has: {reason(error)}")
    words = f"{size(free)} of {size(total)} are free for {folder}"
    if free < limits.min_free_bytes:
        return fails(words, "make room: a full disk stores nothing")
    if free < limits.min_free_bytes * _WARN_TIMES:
        return warning(words, "make room, or keep raw measurements for fewer days (SUNSWEEP_RETENTION_DAYS)")
    return ok(words)


DISK: Final = Check("disk", "Room for the data folder and for a database on this computer", _look)
