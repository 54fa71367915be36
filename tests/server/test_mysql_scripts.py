"""deploy/mysql: a dump is whole or not there, comes back to the byte, and never over anything."""

import asyncio
import gzip
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster
from sqlalchemy import text
from sqlalchemy.engine import make_url

from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import DeadLetter
from tests.support.backups import MYSQL, back_up, environment, script
from tests.support.command import sunsweep
from tests.support.mariadb import MariaDB
from tests.support.platform import eventually
from tests.upgrades.old import SCHEMAS, content, write_as

HARD = "'; -- \\ \" ` \n\r\t\x00\x1a % £ ünï 🧹"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    return made


@pytest.fixture
def empty_url(mariadb: MariaDB) -> Iterator[str]:
    url = mariadb.create_database()
    yield url
    mariadb.drop_database(url)


@pytest.fixture
async def database(mariadb_url: str, blocking_calls: BlockBuster) -> AsyncIterator[Database]:
    """One row of every kind."""
    blocking_calls.deactivate()  # migrations read files
    opened = Database(mariadb_url)
    await upgrade(opened)
    await write_as(opened, SCHEMAS[-1], number=1)
    yield opened
    await opened.close()


async def test_every_byte_comes_back(database: Database, mariadb_url: str, empty_url: str, folder: Path) -> None:
    words: dict[str, Any] = {"topic": HARD, "size": 256, "reason": "not_json", "detail": HARD, "received_at": 1}
    async with database.write() as session:
        session.add(DeadLetter(payload=bytes(range(256)), **words))
    before = await content(database)
    dump = await back_up(mariadb_url, folder)
    assert dump.stat().st_mode & 0o777 == 0o600
    assert (await script("restore.sh", dump, url=empty_url)).code == 0
    loaded = Database(empty_url)
    after = await content(loaded)
    marks = [row for row in after["platform_state"] if row["name"] == "unsettled"]
    after["platform_state"].remove(marks[0])
    assert before == after
    assert abs(marks[0]["value"] / 1000 - time.time()) < 600
    assert await _partitions(loaded) == await _partitions(database)
    await loaded.close()


async def _partitions(database: Database) -> list[Any]:
    query = "SELECT partition_name FROM information_schema.partitions WHERE table_schema = DATABASE() ORDER BY 1"
    async with database.read() as session:
        return list((await session.scalars(text(query))).all())


async def test_views_come_back_without_whom_they_belonged_to(
    database: Database, mariadb: MariaDB, mariadb_url: str, empty_url: str, folder: Path
) -> None:
    name = make_url(mariadb_url).database
    mariadb.execute("CREATE USER 'ghost'@'%'")
    mariadb.execute(f"GRANT ALL ON {name}.* TO 'ghost'@'%'")
    mariadb.execute(f"ALTER DEFINER='ghost'@'%' VIEW {name}.mqtt_acl AS SELECT * FROM {name}.service_rule")
    dump = await back_up(mariadb_url, folder)
    assert b"DEFINER=`ghost`" in gzip.decompress(dump.read_bytes())
    mariadb.execute("DROP USER 'ghost'@'%'")
    assert (await script("restore.sh", dump, url=empty_url)).code == 0
    loaded = Database(empty_url)
    async with loaded.read() as session:
        assert (await session.execute(text("SELECT username FROM mqtt_acl"))).scalars().all() == ["integration-1"]
    await loaded.close()


async def test_what_is_there_is_not_overwritten(database: Database, mariadb_url: str, folder: Path) -> None:
    dump = await back_up(mariadb_url, folder)
    before = await content(database)
    refused = await script("restore.sh", dump, url=mariadb_url)
    assert refused.code == 1
    assert "restore into an empty database" in refused.err
    assert await content(database) == before


async def test_what_is_damaged_or_half_is_not_loaded(
    database: Database, mariadb_url: str, empty_url: str, folder: Path
) -> None:
    dump = await back_up(mariadb_url, folder)
    whole = dump.read_bytes()
    lines = gzip.decompress(whole).splitlines(keepends=True)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for content_, words in (
        (bytes(flipped), "is damaged"),
        (whole[: len(whole) // 2], "is damaged"),
        (gzip.compress(b"".join(lines[:-1])), "is not complete"),
        (gzip.compress(b"".join(lines[1:])), "is no dump of backup.sh"),
        (b"", "is damaged"),
    ):
        dump.write_bytes(content_)
        refused = await script("restore.sh", dump, url=empty_url)
        assert (refused.code, words in refused.err) == (1, True), refused.err
    loaded = Database(empty_url)
    assert await content(loaded) == {}
    await loaded.close()


async def test_a_dump_that_fails_leaves_nothing(database: Database, mariadb_url: str, folder: Path) -> None:
    (folder / "sunsweep-20200101T000000Z.sql.gz").touch()
    for wrong in (
        {"MYSQL_PASSWORD": "wrong"},
        {"MYSQL_DATABASE": "no_such"},
        {"MYSQL_PORT": "1"},
        {"MYSQL_PASSWORD": ""},
    ):
        failed = await script("backup.sh", folder, url=mariadb_url, KEEP="1", **wrong)
        assert failed.code != 0
        assert failed.err
        assert "only-for-tests" not in failed.err
    assert [path.name for path in folder.iterdir()] == ["sunsweep-20200101T000000Z.sql.gz"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_killed_in_the_middle_it_leaves_no_dump(
    database: Database, mariadb: MariaDB, mariadb_url: str, folder: Path, how: signal.Signals
) -> None:
    name = make_url(mariadb_url).database
    process = await asyncio.create_subprocess_exec(
        *(MYSQL / "backup.sh", folder),
        env=environment(mariadb_url) | {"PATH": os.environ["PATH"]},
        start_new_session=True,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with database.write() as session:
        # A reader of its table has to wait, and so does the dump.
        await (await session.connection()).exec_driver_sql("LOCK TABLES telemetry WRITE")

        async def begun() -> bool:
            return bool(list(folder.iterdir()))

        await eventually(begun, within_s=60)
        os.killpg(process.pid, how)
        await asyncio.wait_for(process.wait(), 30)
        await (await session.connection()).exec_driver_sql("UNLOCK TABLES")
    assert name is not None
    assert list(folder.glob("sunsweep-*")) == []
    left = list(folder.iterdir())
    assert len(left) == (1 if how is signal.SIGKILL else 0)
    for path in left:
        os.utime(path, (0, 0))
    made = await back_up(mariadb_url, folder)
    assert list(folder.iterdir()) == [made]


async def test_the_newest_dumps_stay(database: Database, mariadb_url: str, folder: Path) -> None:
    for day in (1, 2, 3):
        (folder / f"sunsweep-2020010{day}T000000Z.sql.gz").touch()
    (folder / "mine.sql.gz").touch()
    ended = await script("backup.sh", folder, url=mariadb_url, KEEP="2")
    assert ended.code == 0, ended.err
    kept = {path.name for path in folder.iterdir()}
    assert kept == {"mine.sql.gz", "sunsweep-20200103T000000Z.sql.gz", Path(ended.out.strip()).name}


async def test_what_an_operator_has_named_stays_and_so_does_what_was_just_made(
    database: Database, mariadb_url: str, folder: Path
) -> None:
    others = {"sunsweep-before-the-move.sql.gz", "sunsweep-20990101T000000Z.sql.gz"}
    for name in (*others, "sunsweep-20200101T000000Z.sql.gz"):
        (folder / name).touch()
    ended = await script("backup.sh", folder, url=mariadb_url, KEEP="1")
    assert ended.code == 0, ended.err
    assert {path.name for path in folder.iterdir()} == {*others, Path(ended.out.strip()).name}


@pytest.mark.parametrize("password", ["a\"b\\c#d'e $x `y`;z", "\\", '"', "#", "ends with \\", " blanks ", "\\n\\t ü"])
async def test_a_password_may_hold_anything(
    database: Database, mariadb: MariaDB, mariadb_url: str, tmp_path: Path, password: str
) -> None:
    folder = tmp_path / 'it\'s "here" $HOME *'
    folder.mkdir()
    name = make_url(mariadb_url).database
    quoted = password.replace("\\", "\\\\").replace("'", "\\'")
    mariadb.execute(f"CREATE OR REPLACE USER 'odd'@'%' IDENTIFIED BY '{quoted}'")
    mariadb.execute(f"GRANT ALL ON {name}.* TO 'odd'@'%'")
    ended = await script("backup.sh", folder, url=mariadb_url, MYSQL_USER="odd", MYSQL_PASSWORD=password)
    mariadb.execute("DROP USER 'odd'@'%'")
    assert ended.code == 0, ended.err


async def test_what_was_not_loaded_to_its_end_is_not_settled(
    database: Database, mariadb_url: str, empty_url: str, folder: Path, tmp_path: Path
) -> None:
    """The connection is lost when only the last rows are missing."""
    dump = await back_up(mariadb_url, folder)
    lossy = tmp_path / "bin" / "mysql"
    lossy.parent.mkdir()
    lossy.write_text(
        "#!/bin/bash\n"
        'for word; do [ "$word" = -e ] && exec mariadb "$@"; done\n'
        "sed '/^INSERT INTO `user_account`/,$d' | mariadb \"$@\"\n"
        "exit 1\n"
    )
    lossy.chmod(0o755)
    failed = await script("restore.sh", dump, url=empty_url, PATH=f"{lossy.parent}:{os.environ['PATH']}")
    assert failed.code == 1
    for words in ((), ("--taken-at", "2026-11-28T10:00:00")):
        refused = await sunsweep("settle", *words, env=environment(empty_url), cwd=tmp_path)
        assert (refused.code, "was not loaded to its end" in refused.err) == (1, True), refused
