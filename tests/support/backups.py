"""Backups by the programs that operators run: the verbs for SQLite, the scripts for MySQL and MariaDB."""

import os
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.support.command import Ended, ended_program, sunsweep

MYSQL = Path(__file__).parents[2] / "deploy" / "mysql"
SECRET = "only-for-tests-only-for-tests-only"


def environment(url: str) -> dict[str, str]:
    """Who a program is at a database: for the verbs, and for the scripts."""
    address = make_url(url)
    return {
        "SUNSWEEP_DATABASE_URL": url,
        "SUNSWEEP_SECRET_KEY": SECRET,
        "MYSQL_HOST": address.host or "",
        "MYSQL_PORT": str(address.port),
        "MYSQL_USER": address.username or "",
        "MYSQL_PASSWORD": address.password or "",
        "MYSQL_DATABASE": address.database or "",
    }


async def script(name: str, *words: object, url: str, **more: str) -> Ended:
    """One of deploy/mysql, run to its end."""
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return await ended_program(str(MYSQL / name), *map(str, words), env=environment(url) | {"PATH": path} | more)


async def back_up(url: str, folder: Path) -> Path:
    """A backup of a database, as an operator makes one."""
    if url.startswith("sqlite"):
        ended = await sunsweep("backup", str(folder), env=environment(url), cwd=folder)
    else:
        ended = await script("backup.sh", folder, url=url)
    assert (ended.code, ended.err) == (0, "")
    return Path(ended.out.strip())


async def restore(backup: Path, url: str) -> str:
    """The backup in a database that does not exist yet, or is empty; what was said."""
    env = environment(url)
    if url.startswith("sqlite"):
        ended = await sunsweep("restore", str(backup), env=env, cwd=backup.parent)
    else:
        loaded = await script("restore.sh", backup, url=url)
        assert (loaded.code, loaded.err) == (0, "")
        refused = await sunsweep("company", "list", env=env, cwd=backup.parent)
        assert "run `sunsweep settle` first" in refused.err
        ended = await sunsweep("settle", env=env, cwd=backup.parent)
    assert (ended.code, ended.err) == (0, "")
    return ended.out
