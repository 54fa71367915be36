"""Damaged, of a newer program, full, read-only, in use: the machine works on, and says it once."""

import logging
import sqlite3
from pathlib import Path

import pytest

from sunsweep.contract.payloads import LossAccount, Receipt, Status, Telemetry
from sunsweep.machine.outbox import Limits, Outbox
from tests.machine.disks import disk_of, file_in, numbers, start
from tests.machine.test_outbox_on_disk import SAMPLE, accounts, fill

NOW_MS = 1_790_000_000_000
LONG = Telemetry(13.1, extra={"log": "x" * 2000})


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def make_full(outbox: Outbox) -> None:
    """The database may not grow any more: SQLite's own "disk is full"."""
    disk_of(outbox)._db.execute("PRAGMA max_page_count = 1")


def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for damage in range(1, 6):
        outbox = start(tmp_path)
        fill(outbox, 3)
        outbox.close()
        file_in(tmp_path).write_bytes(b"no database " * 1000)
        again = start(tmp_path)
        again.put(SAMPLE, NOW_MS)
        assert numbers(again) == [(again.boot, 1)]
        assert not again._shelf.failing
        again.close()
        assert len(errors(caplog)) == damage
    aside = sorted(path.name for path in tmp_path.glob("outbox.corrupt-*"))
    assert aside == ["outbox.corrupt-3", "outbox.corrupt-4", "outbox.corrupt-5"]


def test_a_page_gone_bad_is_found_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = start(tmp_path)
    fill(outbox, 500)
    outbox.close()
    with file_in(tmp_path).open("r+b") as file:
        file.seek(5 * 4096)
        file.write(b"\xff" * 4096)
    again = start(tmp_path)
    assert len(again) == 0
    assert "kept as outbox.corrupt-1" in errors(caplog)[0]
    again.close()


def test_a_file_of_a_newer_program_is_kept_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    start(tmp_path).close()
    with sqlite3.connect(file_in(tmp_path)) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    start(tmp_path).close()
    assert "it is of version 99, and this program knows 1" in errors(caplog)[0]
    assert (tmp_path / "outbox.corrupt-1").exists()


def test_on_a_full_disk_it_goes_on_in_memory_and_writes_all_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = start(tmp_path, boot=7)
    fill(outbox, 2)
    make_full(outbox)
    for _ in range(40):
        outbox.put(LONG, NOW_MS)
    assert outbox._shelf.unwritten > 0
    assert len(errors(caplog)) == 1
    assert "full" in errors(caplog)[0]
    assert numbers(outbox) == [(7, seq) for seq in range(1, 43)]
    outbox.settle(Receipt(NOW_MS, 7, ((1, 20),)))
    assert numbers(outbox) == [(7, seq) for seq in range(21, 43)]
    disk_of(outbox)._db.execute("PRAGMA max_page_count = 100000")
    for _ in range(40):
        outbox.put(SAMPLE, NOW_MS)
    assert outbox._shelf.unwritten == 0
    outbox.close()
    again = start(tmp_path, boot=8)
    assert numbers(again) == [(7, seq) for seq in range(21, 83)]
    again.close()


def test_on_a_full_disk_memory_is_bounded_and_the_loss_is_told(tmp_path: Path) -> None:
    outbox = start(tmp_path, boot=7, limits=Limits(unwritten=200))
    outbox.put(SAMPLE, NOW_MS)
    make_full(outbox)
    for _ in range(300):
        outbox.put(LONG, NOW_MS)
    held = {seq for _, seq in numbers(outbox)}
    assert outbox._shelf.unwritten <= 200
    outbox.tell(Status("Running"), NOW_MS)
    lost = {seq for _, a, b in accounts(outbox)[0].lost for seq in range(a, b + 1)}
    assert held | lost == set(range(1, 302))
    assert not held & lost
    outbox.close()


def test_a_file_system_turned_read_only_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = start(tmp_path, boot=7)
    fill(outbox, 1)
    disk_of(outbox)._db.execute("PRAGMA query_only = ON")
    fill(outbox, 3)
    assert numbers(outbox) == [(7, 1), (7, 2), (7, 3), (7, 4)]
    assert len(errors(caplog)) == 1
    assert "readonly" in errors(caplog)[0]
    outbox.close()


def test_damage_while_running_leaves_what_is_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = start(tmp_path, boot=7)
    fill(outbox, 2000)
    disk_of(outbox)._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    disk_of(outbox)._db.execute("PRAGMA cache_size = 1")
    with file_in(tmp_path).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 60)
    fill(outbox, 3)
    list(outbox.pending())
    fill(outbox, 3)
    held = numbers(outbox)
    assert held[-3:] == [(7, 2004), (7, 2005), (7, 2006)]
    assert len(outbox) == len(held)
    assert len(errors(caplog)) == 1
    outbox.close()
    again = start(tmp_path, boot=8)
    assert (tmp_path / "outbox.corrupt-1").exists()
    again.close()


def test_a_second_program_on_the_same_file_gets_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = start(tmp_path, boot=7)
    second = start(tmp_path, boot=8)
    assert "locked" in errors(caplog)[0]
    fill(first, 1)
    fill(second, 1)
    assert (numbers(first), numbers(second)) == ([(7, 1)], [(8, 1)])
    first.close()
    second.close()
    third = start(tmp_path, boot=9)
    third.tell(Status("Idle"), NOW_MS)
    assert accounts(third) == [LossAccount(ended=[(7, 1)])]
    third.close()


def test_without_a_folder_it_is_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    outbox = start(tmp_path / "file", boot=7)
    fill(outbox, 2)
    assert numbers(outbox) == [(7, 1), (7, 2)]
    assert "in memory only" in errors(caplog)[0]
    outbox.close()
