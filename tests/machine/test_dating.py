"""A machine that starts in 1970: nothing goes out before the date is known, and then everything has one."""

from pathlib import Path

from sunsweep.contract.codec import decode_result, decode_status, decode_telemetry
from sunsweep.contract.payloads import Receipt, Result, ResultState, Status, Telemetry
from sunsweep.machine.almanac import Almanac
from sunsweep.machine.outbox import MemoryOutbox
from tests.machine.disks import start
from tests.machine.fakes import FakeClock

NOW_MS = 1_790_000_000_000
SAMPLE = Telemetry(13.1)


def clock_without_a_date() -> FakeClock:
    clock = FakeClock(5_000)
    clock.synchronised = False
    return clock


def test_the_backend_s_first_word_is_the_date_and_later_ones_move_nothing() -> None:
    clock = clock_without_a_date()
    almanac = Almanac(clock)
    before = almanac.synchronised
    almanac.told(NOW_MS)
    clock.advance(2)
    almanac.told(NOW_MS + 60_000)
    assert (before, almanac.synchronised) == (False, True)
    assert almanac.now_ms() == NOW_MS + 2_000


def test_a_system_clock_that_was_good_once_stays_good() -> None:
    clock = FakeClock(NOW_MS)
    almanac = Almanac(clock)
    assert almanac.synchronised
    clock.synchronised = False
    almanac.told(5)
    assert almanac.synchronised
    assert almanac.now_ms() == NOW_MS


def test_the_system_s_clock_takes_over_from_the_backend_s_word() -> None:
    clock = clock_without_a_date()
    almanac = Almanac(clock)
    almanac.told(NOW_MS)
    clock.ms = NOW_MS + 30
    clock.synchronised = True
    assert almanac.now_ms() == NOW_MS + 30


def test_this_boot_s_messages_get_the_dates_at_which_they_were_measured() -> None:
    outbox = MemoryOutbox(7)
    for monotonic_ms in (5_000, 35_000, 65_000):
        outbox.put(SAMPLE, monotonic_ms, dated=False)
    assert list(outbox.pending()) == []
    assert len(outbox) == 3
    outbox.date(now_ms=NOW_MS, monotonic_ms=95_000, started_ms=0)
    outbox.put(SAMPLE, NOW_MS)
    entries = list(outbox.pending())
    assert [entry.ts_ms for entry in entries] == [NOW_MS - 90_000, NOW_MS - 60_000, NOW_MS - 30_000, NOW_MS]
    assert [decode_telemetry(entry.payload).stamp.ts_ms for entry in entries] == [entry.ts_ms for entry in entries]
    assert [decode_telemetry(entry.payload).stamp.seq for entry in entries] == [1, 2, 3, 4]
    assert all(decode_telemetry(entry.payload).extra == {} for entry in entries)


def test_dates_are_frozen(tmp_path: Path) -> None:
    outbox = start(tmp_path, boot=7)
    outbox.put(SAMPLE, 5_000, dated=False)
    outbox.date(now_ms=NOW_MS, monotonic_ms=6_000, started_ms=0)
    before = [entry.payload for entry in outbox.pending()]
    outbox.date(now_ms=NOW_MS + 99_000, monotonic_ms=7_000, started_ms=0)
    outbox.close()
    again = start(tmp_path, boot=8)
    again.put(SAMPLE, 1_000, dated=False)
    again.date(now_ms=NOW_MS + 999_000, monotonic_ms=7_000, started_ms=0)
    assert [entry.payload for entry in again.pending()][:1] == before
    again.close()


def test_an_earlier_boot_s_are_laid_between_their_neighbours_and_flagged(tmp_path: Path) -> None:
    first = start(tmp_path, boot=7)
    first.put(SAMPLE, NOW_MS)
    first.close()
    for boot in (8, 9):  # two power cuts, and nobody who knew the date
        outbox = start(tmp_path, boot=boot)
        outbox.put(SAMPLE, 10_000, dated=False)
        outbox.put(Status("Running"), 40_000, dated=False)
        outbox.close()
    last = start(tmp_path, boot=10)
    last.put(Result("0190163d-8694-739b-aea5-966c26f8ad91", ResultState.FAILED), 20_000, dated=False)
    last.date(now_ms=NOW_MS + 3_600_000, monotonic_ms=25_000, started_ms=15_000)
    entries = list(last.pending())
    started_ms = NOW_MS + 3_590_000
    assert [(entry.boot, entry.seq, entry.ts_ms) for entry in entries] == [
        (7, 1, NOW_MS),
        (8, 1, started_ms - 60_002),
        (8, 2, started_ms - 30_002),
        (9, 1, started_ms - 30_001),
        (9, 2, started_ms - 1),
        (10, 1, NOW_MS + 3_595_000),
    ]
    assert [decode_telemetry(entries[place].payload).extra for place in (0, 1, 3)] == [
        {},
        {"ts_estimated": True},
        {"ts_estimated": True},
    ]
    assert decode_status(entries[2].payload).extra == {"ts_estimated": True}
    assert decode_result(entries[5].payload).detail == {}
    last.close()


def test_an_estimate_is_never_before_what_is_known_to_precede_it(tmp_path: Path) -> None:
    first = start(tmp_path, boot=7)
    first.put(SAMPLE, NOW_MS)
    first.close()
    second = start(tmp_path, boot=8)
    for monotonic_ms in (0, 500_000):
        second.put(SAMPLE, monotonic_ms, dated=False)
    second.close()
    third = start(tmp_path, boot=9)
    third.date(now_ms=NOW_MS + 100_000, monotonic_ms=10_000, started_ms=0)
    assert [entry.ts_ms for entry in third.pending()] == [NOW_MS, NOW_MS, NOW_MS + 89_999]
    third.close()


def test_a_message_too_long_for_the_flag_is_dated_without_it(tmp_path: Path) -> None:
    first = start(tmp_path, boot=7)
    room = 64 * 1024 - len(first.put(Telemetry(extra={"log": ""}), 1_000, dated=False).payload)
    first.put(Telemetry(extra={"log": "x" * room}), 2_000, dated=False)
    first.close()
    second = start(tmp_path, boot=8)
    second.date(now_ms=NOW_MS, monotonic_ms=1_000, started_ms=0)
    short, long = second.pending()
    assert "ts_estimated" in decode_telemetry(short.payload).extra
    assert "ts_estimated" not in decode_telemetry(long.payload).extra
    assert (short.ts_ms, long.ts_ms) == (NOW_MS - 2_001, NOW_MS - 1_001)
    assert second.settle(Receipt(NOW_MS, 7, ((1, 2),))) == 2
    second.close()
