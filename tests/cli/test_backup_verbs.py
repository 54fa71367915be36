"""`sunsweep backup` and `restore` on a folder of `sunsweep up`: whole or not at all, and never over what is there."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import time
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from typer.testing import CliRunner

from sunsweep.cli import backup as backup_verb
from sunsweep.cli.folder import Folder
from sunsweep.cli.verbs import cli
from sunsweep.server.db import migrate
from sunsweep.server.db.engine import Database
from sunsweep.server.settings import folder_database_url
from tests.support.command import Ended, running

LOGINS = {"admin@example.com": "kept"}
UNFINISHED = ".sunsweep-unfinished-*"


pytestmark = pytest.mark.usefixtures("outside_of_any_loop")


def verb(*words: object) -> Ended:
    result = CliRunner().invoke(cli, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


def done(*words: object) -> str:
    ended = verb(*words)
    assert (ended.code, ended.err) == (0, "")
    return ended.out


def refused(*words: object) -> str:
    ended = verb(*words)
    assert (ended.code, ended.out) == (1, "")
    (line,) = ended.err.splitlines()
    return line.removeprefix("sunsweep: ")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder as `sunsweep up` leaves it, with one company."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "sunsweep.db").touch()
    done("migrate", "--data", folder)
    done("company", "add", "Alpha", "--data", folder)
    (folder / "logins.json").write_text(json.dumps(LOGINS))
    (folder / "backend.json").write_text('{"secret_key": "of then"}')
    return folder


def companies(data: Path) -> list[str]:
    return [line.split()[1] for line in done("company", "list", "--data", data).splitlines()]


def test_a_folder_comes_back_as_it_was(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.sunsweep-backup"
    assert done("backup", "--data", data, file) == f"{file}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    done("company", "add", "Beta", "--data", data)
    assert "is there already; --force" in refused("restore", file, "--data", data)
    assert companies(data) == ["Alpha", "Beta"]
    said = done("restore", file, "--data", data, "--force")
    (aside,) = data.glob("replaced-*")
    assert str(aside) in said
    assert companies(data) == ["Alpha"]
    assert json.loads((data / "logins.json").read_bytes()) == LOGINS
    assert not (data / "backend.json").exists(), "it has the key of the access tokens of then"
    assert (data / "sunsweep.db").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in aside.iterdir()} == {"sunsweep.db", "logins.json", "backend.json"}
    assert list(data.glob(UNFINISHED)) == []
    (tmp_path / "again").mkdir()
    shutil.copy(aside / "sunsweep.db", tmp_path / "again")
    assert companies(tmp_path / "again") == ["Alpha", "Beta"]


def test_a_new_folder_is_made(data: Path, tmp_path: Path) -> None:
    done("backup", "--data", data, tmp_path / "b")
    done("restore", tmp_path / "b", "--data", tmp_path / "new")
    assert companies(tmp_path / "new") == ["Alpha"]


def test_no_file_is_overwritten_by_oversight(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "b"
    file.write_text("mine")
    assert "is there already" in refused("backup", "--data", data, file)
    assert file.read_text() == "mine"
    done("backup", "--data", data, file, "--force")
    assert zipfile.is_zipfile(file)


@pytest.mark.parametrize("name", ["sunsweep.db", "backend.json", "link"])
def test_the_folder_itself_is_not_overwritten_by_force(data: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to(data / "sunsweep.db")
    target = tmp_path / "link" if name == "link" else data / name
    before = target.read_bytes()
    assert "is a part of what is to be backed up" in refused("backup", "--data", data, target, "--force")
    assert target.read_bytes() == before
    assert companies(data) == ["Alpha"]
    inside = data / "one.sunsweep-backup"
    done("backup", "--data", data, inside)
    done("backup", "--data", data, inside, "--force")


def test_of_a_folder_of_backups_the_newest_stay(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "another.file").touch()
    made = []
    for second in range(4):
        monkeypatch.setattr(backup_verb, "wall_clock", lambda second=second: 1_700_000_000_000 + second * 1000)
        made.append(Path(done("backup", "--data", data, folder, "--keep", 2).strip()))
    assert sorted(folder.glob("sunsweep-*")) == made[2:]
    assert (folder / "another.file").exists()
    assert "--keep is for a folder" in refused("backup", "--data", data, tmp_path / "b", "--keep", 2)


def test_what_an_operator_has_named_stays_and_so_does_what_was_just_made(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    others = ("before-the-move", "20990101T000000Z", "20200101T000000Z")
    for name in others:
        (folder / f"sunsweep-{name}.sunsweep-backup").touch()
    made = Path(done("backup", "--data", data, folder, "--keep", 1).strip())
    assert set(folder.iterdir()) == {made, *(folder / f"sunsweep-{name}.sunsweep-backup" for name in others[:2])}


def test_a_full_disk_is_told_before_anything_is_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    assert "MB free" in refused("backup", "--data", data, tmp_path / "b")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.999])
def test_a_byte_that_changed_anywhere_is_noticed(data: Path, tmp_path: Path, share: float) -> None:
    file, new = tmp_path / "b", tmp_path / "new"
    done("backup", "--data", data, file)
    content = bytearray(file.read_bytes())
    content[round(len(content) * share)] ^= 0xFF
    file.write_bytes(content)
    refused("restore", file, "--data", new)
    assert not (new / "sunsweep.db").exists()
    assert list(new.glob("*backup*")) == list(new.glob(UNFINISHED)) == []


def test_a_part_that_claims_to_be_encrypted_is_damaged(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "b"
    done("backup", "--data", data, file)
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(content)
    assert "is damaged" in refused("restore", file, "--data", tmp_path / "new")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_half_a_file_is_no_backup(data: Path, tmp_path: Path, share: float) -> None:
    file = tmp_path / "b"
    done("backup", "--data", data, file)
    os.truncate(file, round(file.stat().st_size * share))
    assert "is damaged, or no backup" in refused("restore", file, "--data", data, "--force")
    assert companies(data) == ["Alpha"]


def test_another_archive_is_no_backup(data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr("holiday.jpg", b"")
    assert refused("restore", tmp_path / "b", "--data", data, "--force").endswith("is no backup of sunsweep")
    assert "No such file" in refused("restore", tmp_path / "nowhere", "--data", data, "--force")


def test_a_backup_of_a_newer_version_is_refused(data: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(data / "sunsweep.db")) as newer, newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    done("backup", "--data", data, tmp_path / "b")
    assert "which is newer than this" in refused("restore", tmp_path / "b", "--data", tmp_path / "new")


@pytest.mark.parametrize("schema", migrate.revisions())
def test_a_backup_of_an_older_schema_is_brought_up(schema: str, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    asyncio.run(_upgrade(folder_database_url(old), schema))
    done("backup", "--data", old, tmp_path / "b")
    done("restore", tmp_path / "b", "--data", tmp_path / "new")
    assert companies(tmp_path / "new") == ["Old"]


async def _upgrade(url: str, schema: str) -> None:
    database = Database(url)
    await database.run_sync(lambda connection: command.upgrade(migrate._config(connection), schema))
    await database.close()
    with closing(sqlite3.connect(url.partition("///")[2])) as old, old:
        columns = {row[1] for row in old.execute("PRAGMA table_info(company)")}
        more = [name for name in ("raw_since", "custom_commands") if name in columns]
        names = ", ".join(["id", "name", "created_at", *more])
        old.execute(f"INSERT INTO company ({names}) VALUES (1, 'Old', 0{', 0' * len(more)})")


def test_a_folder_in_use_is_left_alone(data: Path, tmp_path: Path) -> None:
    done("backup", "--data", data, tmp_path / "b")
    with Folder(data):
        assert "sunsweep already runs on" in refused("restore", tmp_path / "b", "--data", data, "--force")
    with closing(sqlite3.connect(data / "sunsweep.db")) as user:
        user.execute("SELECT * FROM company").fetchall()
        assert "has" in refused("restore", tmp_path / "b", "--data", data, "--force")
    done("restore", tmp_path / "b", "--data", data, "--force")


@pytest.mark.parametrize("elsewhere", ["tmp", "shm"])
def test_a_database_on_another_disk_is_replaced_there_and_only_it(data: Path, tmp_path: Path, elsewhere: str) -> None:
    """A link in the folder leads to it."""
    done("backup", "--data", data, tmp_path / "b")
    (data / "logins.json").write_text("{}")
    disk = tmp_path / "disk" if elsewhere == "tmp" else Path("/dev/shm") / f"sunsweep-{os.getpid()}"
    disk.mkdir()
    try:
        shutil.move(data / "sunsweep.db", disk / "sunsweep.db")
        (data / "sunsweep.db").symlink_to(disk / "sunsweep.db")
        done("restore", tmp_path / "b", "--data", data, "--force")
        assert companies(data) == ["Alpha"]
        assert json.loads((data / "logins.json").read_bytes()) == LOGINS
        assert (data / "logins.json").stat().st_mode & 0o777 == 0o600
        (aside,) = disk.glob("replaced-*")
        assert {path.name for path in disk.iterdir()} == {"sunsweep.db", aside.name}
        assert {path.name for path in aside.iterdir()} == {"sunsweep.db", "logins.json", "backend.json"}
    finally:
        shutil.rmtree(disk)


def test_a_damaged_database_is_replaced_and_kept(data: Path, tmp_path: Path) -> None:
    done("backup", "--data", data, tmp_path / "b")
    (data / "sunsweep.db").write_bytes(b"scrambled" * 1000)
    (data / "sunsweep.db-wal").write_bytes(b"of the old one")
    refused("backup", "--data", data, tmp_path / "c")
    assert not (tmp_path / "c").exists()
    done("restore", tmp_path / "b", "--data", data, "--force")
    assert companies(data) == ["Alpha"]
    (aside,) = data.glob("replaced-*")
    assert {"sunsweep.db", "sunsweep.db-wal"} <= {path.name for path in aside.iterdir()}


def fill(data: Path, rows: int) -> None:
    with closing(sqlite3.connect(data / "sunsweep.db")) as database, database:
        database.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO telemetry (machine_id, ts, boot, seq, extra, flags, received_at)"
            " SELECT 1, i, 1, i, hex(randomblob(60)), 0, i FROM n",
            (rows,),
        )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_in_the_middle_it_leaves_no_backup(data: Path, tmp_path: Path, how: signal.Signals) -> None:
    fill(data, 60_000)
    folder = tmp_path / "backups"
    folder.mkdir()
    ended = asyncio.run(_killed_at_work(data, folder, how))
    assert ended.code != 0
    assert list(folder.glob("sunsweep-*")) == []
    if how is not signal.SIGKILL:
        assert list(folder.iterdir()) == []
    made = Path(done("backup", "--data", data, folder).strip())
    assert list(folder.iterdir()) == [made]
    done("restore", made, "--data", tmp_path / "new")
    with closing(sqlite3.connect(tmp_path / "new" / "sunsweep.db")) as database:
        assert database.execute("SELECT count(*) FROM telemetry").fetchone() == (60_000,)


async def _killed_at_work(data: Path, folder: Path, how: signal.Signals) -> Ended:
    async with running("backup", "--data", str(data), str(folder)) as program:
        deadline = time.monotonic() + 60
        while not list(folder.glob(f"{UNFINISHED}/*")):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.001)
        program.process.send_signal(how)
        return await program.ended(within_s=60)


def test_long_work_says_how_far_it_is(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(data, 60_000)
    monkeypatch.setattr(backup_verb, "EVERY_S", 0.0)
    ended = verb("backup", "--data", data, tmp_path / "b")
    assert ended.out == f"{tmp_path / 'b'}\n"
    assert [word for word in ("copied 1", "packed 1") if word not in ended.err] == []


def test_keys_end_where_that_is_asked_for(data: Path, tmp_path: Path) -> None:
    done("user", "add", "ann@example.com", "--company", "1", "--data", data)
    with closing(sqlite3.connect(data / "sunsweep.db")) as database, database:
        database.execute(
            "INSERT INTO api_key (company_id, name, role, key_hash, created_by, created_at, expires_at)"
            " VALUES (1, 'Grafana', 'viewer', 'x', 1, 0, 9000000000000)"
        )
    done("backup", "--data", data, tmp_path / "b")
    assert "1  API keys are good" in done("restore", tmp_path / "b", "--data", tmp_path / "one")
    assert "0  API keys are good" in done("restore", tmp_path / "b", "--data", tmp_path / "other", "--end-keys")


def test_a_database_that_was_not_loaded_is_not_settled(data: Path) -> None:
    assert "--taken-at says so" in refused("settle", "--data", data)
    assert "0  starts that waited" in done("settle", "--data", data, "--taken-at", "2026-11-28T10:00:00")


def test_a_database_that_is_not_settled_is_not_migrated_either(tmp_path: Path) -> None:
    asyncio.run(_upgrade(folder_database_url(tmp_path), migrate.revisions()[-2]))
    assert "--taken-at says so" in refused("settle", "--data", tmp_path)
    with closing(sqlite3.connect(tmp_path / "sunsweep.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (migrate.revisions()[-2],)


def test_a_folder_in_use_is_not_settled(data: Path) -> None:
    with Folder(data):
        assert "already runs on" in refused("settle", "--data", data, "--taken-at", "2026-11-28T10:00:00")


def test_another_kind_of_database_has_scripts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SUNSWEEP_DATABASE_URL", "mysql://u:p@127.0.0.1/sunsweep")
    assert "deploy/mysql" in refused("backup", tmp_path / "b")
