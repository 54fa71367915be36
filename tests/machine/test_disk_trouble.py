"""Damaged, of a newer program, full, read-only, in use: the machine works on, and says it once."""

import logging
import sqlite3
from pathlib import Path

import pytest

from sunsweep.contract.payloads import LossAccount, Receipt, Status, Telemetry
from sunsweep.machine.disk import InUseError, open_disk
from sunsweep.machine.guard import Memory
from sunsweep.machine.outbox import Limits, Outbox
from sunsweep.machine.start import memory_in
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


def test_a_second_program_on_the_same_file_is_turned_away(tmp_path: Path) -> None:
    first = start(tmp_path, boot=7)
    with pytest.raises(InUseError, match=r"outbox\.db is in use"):
        start(tmp_path, boot=8)
    fill(first, 1)
    assert numbers(first) == [(7, 1)]
    first.close()
    third = start(tmp_path, boot=9)
    third.tell(Status("Idle"), NOW_MS)
    assert accounts(third) == [LossAccount(ended=[(7, 1)])]
    third.close()


def test_what_one_machine_left_never_goes_out_as_another_s(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = start(tmp_path, boot=7)
    fill(first, 3)
    first.close()
    disk = open_disk(tmp_path, "machine two of company 1")
    assert disk is not None
    assert (disk.totals()[0], disk.kept("now")) == (0, None)
    assert "it is of machine scm-1 of company 1, and this is machine two of company 1" in errors(caplog)[0]
    disk.close()
    assert (tmp_path / "outbox.corrupt-1").exists()


def test_without_a_folder_it_is_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    outbox = start(tmp_path / "file", boot=7)
    fill(outbox, 2)
    assert numbers(outbox) == [(7, 1), (7, 2)]
    assert "in memory only" in errors(caplog)[0]
    outbox.close()


def spoil(folder: Path, statement: str) -> None:
    with sqlite3.connect(file_in(folder)) as db:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize("damage", ["channel = 'telemetrx'", "payload = x'7b7b'", "payload = 7", "ts_ms = 'soon'"])
def test_a_bit_that_has_turned_over_costs_one_message(tmp_path: Path, damage: str) -> None:
    outbox = start(tmp_path, boot=7)
    fill(outbox, 3)
    outbox.close()
    spoil(tmp_path, f"UPDATE entry SET {damage} WHERE place = 2")
    again = start(tmp_path)
    assert numbers(again) == [(7, 1), (7, 3)]
    again.tell(Status("Idle"), NOW_MS)
    assert accounts(again) == [LossAccount(lost=[(7, 2, 2)], ended=[(7, 3)])]
    again.close()


NESTED = """cast('{"x":' || replace(hex(zeroblob(50000)), '0', '[') AS BLOB)"""


@pytest.mark.parametrize("damage", ["x'7b7b'", NESTED])
@pytest.mark.parametrize("name", ["losses", "now"])
def test_damaged_notes_do_not_keep_the_machine_from_starting(tmp_path: Path, name: str, damage: str) -> None:
    outbox = start(tmp_path, boot=7)
    fill(outbox, 3)
    outbox.close()
    spoil(tmp_path, f"UPDATE kept SET value = {damage} WHERE name = '{name}'")
    again = start(tmp_path)
    assert numbers(again) == [(7, 1), (7, 2), (7, 3)]
    again.close()


@pytest.mark.parametrize("damaged", ["{{", '{"forgotten":"\udcff"}', '{"x":' + "[" * 100_000])
def test_a_damaged_memory_of_the_guard_is_an_empty_one(
    tmp_path: Path, damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = start(tmp_path)
    outbox.keep("guard", damaged.encode(errors="surrogateescape"))
    assert memory_in(outbox) == Memory()
    assert "cannot be read" in caplog.text
    outbox.close()


def test_a_damaged_message_that_the_backend_refuses_is_put_aside_like_any_other(tmp_path: Path) -> None:
    outbox = start(tmp_path, boot=7)
    fill(outbox, 2)
    outbox.close()
    spoil(tmp_path, "UPDATE entry SET payload = cast('{\"battery\":1}' AS BLOB), channel = 'status' WHERE place = 2")
    again = start(tmp_path)
    assert again.settle(Receipt(NOW_MS, 7, (), ((2, 2, "malformed"),))) == 1
    assert numbers(again) == [(7, 1)]
    again.close()


def test_an_undated_message_that_cannot_be_read_is_given_up(tmp_path: Path) -> None:
    outbox = start(tmp_path, boot=7)
    outbox.put(SAMPLE, 1000, dated=False)
    outbox.put(SAMPLE, 2000, dated=False)
    outbox.close()
    spoil(tmp_path, "UPDATE entry SET payload = cast('[]' AS BLOB) WHERE place = 1")
    again = start(tmp_path)
    again.date(now_ms=NOW_MS, monotonic_ms=5, started_ms=1)
    assert numbers(again) == [(7, 2)]
    again.tell(Status("Idle"), NOW_MS)
    assert accounts(again) == [LossAccount(lost=[(7, 1, 1)], ended=[(7, 2)])]
    again.close()
