"""Over restarts: nothing is lost that was written, nothing settled comes back as another, what is lost is told."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from sunsweep.contract.codec import decode_status
from sunsweep.contract.payloads import LossAccount, Receipt, Status, Telemetry
from sunsweep.contract.topics import Channel
from sunsweep.machine.guard import Memory
from sunsweep.machine.outbox import DAY_MS, HOUR_MS, Limits, Outbox
from sunsweep.machine.start import keeper_in, memory_in
from tests.machine.disks import disk_of, numbers, start

SAMPLE = Telemetry(13.1)
THREE_WEEKS = 21 * 24 * 120
NOW_MS = 1_790_000_000_000


def fill(outbox: Outbox, count: int) -> None:
    for _ in range(count):
        outbox.put(SAMPLE, NOW_MS)


def accounts(outbox: Outbox) -> list[LossAccount]:
    statuses = [decode_status(entry.payload) for entry in outbox.pending() if entry.channel is Channel.STATUS]
    return [status.account for status in statuses if status.account is not None]


def stored(boot: int, first: int, last: int) -> Receipt:
    return Receipt(NOW_MS, boot, ((first, last),))


def test_what_is_written_is_on_the_card_when_put_returns(tmp_path: Path) -> None:
    """SQLite's own words: 2 is FULL, a flush at each commit."""
    outbox = start(tmp_path)
    settings = disk_of(outbox)._db
    assert settings.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    assert settings.execute("PRAGMA synchronous").fetchall() == [(2,)]
    outbox.close()


def test_what_an_earlier_boot_left_comes_first_and_under_its_own_number(tmp_path: Path) -> None:
    first = start(tmp_path, boot=7)
    fill(first, 3)
    first.settle(stored(7, 2, 2))
    first.close()
    second = start(tmp_path, boot=5)
    fill(second, 2)
    assert numbers(second) == [(7, 1), (7, 3), (5, 1), (5, 2)]
    second.settle(stored(7, 1, 2**53 - 1))
    assert numbers(second) == [(5, 1), (5, 2)]
    second.settle(stored(5, 1, 1))
    assert numbers(second) == [(5, 2)]
    second.close()


def test_every_boot_s_end_is_told_once_and_kept_until_it_is_receipted(tmp_path: Path) -> None:
    for boot, count in ((7, 3), (8, 0)):
        outbox = start(tmp_path, boot=boot)
        fill(outbox, count)
        outbox.close()
    third = start(tmp_path, boot=9)
    assert third.tell(Status("Idle"), NOW_MS) == 1
    assert third.tell(Status("Idle"), NOW_MS) == 0
    assert accounts(third) == [LossAccount(ended=[(7, 3), (8, 0)])]
    third.close()
    fourth = start(tmp_path, boot=10)
    fourth.tell(Status("Idle"), NOW_MS)
    assert accounts(fourth) == [LossAccount(ended=[(7, 3), (8, 0)]), LossAccount(ended=[(9, 1)])]
    fourth.close()


def test_a_rejected_account_is_told_again_once_something_is_stored(tmp_path: Path) -> None:
    start(tmp_path, boot=7).close()
    outbox = start(tmp_path, boot=8)
    outbox.tell(Status("Idle"), NOW_MS)
    assert outbox.settle(Receipt(NOW_MS, 8, (), ((1, 1, "too_late"),))) == 1
    assert outbox.tell(Status("Idle"), NOW_MS) == 0
    outbox.put(SAMPLE, NOW_MS)
    outbox.settle(Receipt(NOW_MS, 8, ((2, 2),)))
    assert outbox.tell(Status("Idle"), NOW_MS) == 1
    assert accounts(outbox) == [LossAccount(ended=[(7, 0)])]
    assert numbers(outbox) == [(8, 3)]
    [rejection] = disk_of(outbox).rejected()
    assert (rejection.boot, rejection.seq, rejection.reason) == (8, 1, "too_late")
    outbox.close()


def test_of_the_rejected_only_the_newest_are_kept(tmp_path: Path) -> None:
    outbox = start(tmp_path, boot=7)
    for seq in range(1, 1101):
        outbox.put(SAMPLE, NOW_MS)
        outbox.settle(Receipt(NOW_MS, 7, (), ((seq, seq, "clock_ahead"),)))
    outbox.put(SAMPLE, NOW_MS)
    kept = disk_of(outbox).rejected()
    assert [kept[0].seq, kept[-1].seq, len(kept)] == [101, 1100, 1000]
    outbox.close()


def test_full_it_gives_up_whole_runs_of_the_oldest_samples(tmp_path: Path) -> None:
    outbox = start(tmp_path, boot=7, limits=Limits(messages=1000))
    outbox.put(Status("Running"), NOW_MS)
    fill(outbox, 1000)
    assert len(outbox) == 996
    outbox.tell(Status("Running"), NOW_MS)
    assert accounts(outbox) == [LossAccount(lost=[(7, 2, 6)])]
    assert numbers(outbox)[:2] == [(7, 1), (7, 7)]
    outbox.close()


def test_its_bytes_are_bounded_too(tmp_path: Path) -> None:
    outbox = start(tmp_path, boot=7, limits=Limits(size_bytes=100_000))
    for _ in range(300):
        outbox.put(Telemetry(13.1, extra={"log": "x" * 1000}), NOW_MS)
    assert sum(len(entry.payload) for entry in outbox.pending()) <= 100_000
    assert outbox.counts.given_up == 300 - len(outbox)
    outbox.close()
    # Counted anew at the next start.
    again = start(tmp_path, boot=8, limits=Limits(size_bytes=100_000, messages=200))
    again.put(Telemetry(13.1, extra={"log": "x" * 60_000}), NOW_MS)
    assert sum(len(entry.payload) for entry in again.pending()) <= 100_000
    again.close()


def test_what_is_older_than_the_backend_takes_is_given_up_within_the_hour(tmp_path: Path) -> None:
    outbox = start(tmp_path, boot=7, limits=Limits(age_ms=DAY_MS))
    for hour in range(30):
        outbox.put(SAMPLE, NOW_MS + hour * HOUR_MS)
        outbox.settle(Receipt(NOW_MS + hour * HOUR_MS))
    assert numbers(outbox) == [(7, seq) for seq in range(6, 31)]
    outbox.close()


def test_a_clock_of_ours_that_steps_by_months_makes_nothing_old(tmp_path: Path) -> None:
    outbox = start(tmp_path, boot=7)
    fill(outbox, 10)
    outbox.put(SAMPLE, NOW_MS + 100 * DAY_MS)
    outbox.settle(Receipt(NOW_MS))
    assert numbers(outbox) == [(7, seq) for seq in range(1, 12)]
    outbox.close()


def test_the_guard_s_memory_outlives_the_program(tmp_path: Path) -> None:
    outbox = start(tmp_path)
    assert memory_in(outbox) == Memory()
    keeper_in(outbox)(Memory(last_stop={3: "0190163d-8694-739b-aea5-966c26f8ad91"}))
    outbox.close()
    again = start(tmp_path)
    assert memory_in(again).last_stop == {3: "0190163d-8694-739b-aea5-966c26f8ad91"}
    again.close()


PUT, STATUS, SETTLE, REJECT, RESTART, KILL, TELL = "put", "status", "settle", "reject", "restart", "kill", "tell"
Deed = tuple[str, int, int, int]
DEEDS = st.tuples(
    st.sampled_from((PUT, PUT, PUT, STATUS, SETTLE, SETTLE, REJECT, RESTART, KILL, TELL)),
    st.integers(0, 3),
    st.integers(1, 40),
    st.integers(0, 15),
)


class Ledger:
    """The backend's side, as sets: what each number has come to.

    A number may be stored and told as lost, where the program was killed before it wrote that it was stored: the
    backend counts it as stored.
    """

    def __init__(self) -> None:
        self.drawn: dict[int, int] = {}
        self.payloads: dict[tuple[int, int], bytes] = {}
        self.done: set[tuple[int, int]] = set()
        self.lost: set[tuple[int, int]] = set()
        self.ended: dict[int, int] = {}

    def hear(self, account: LossAccount) -> None:
        told = {(boot, seq) for boot, first, last in account.lost for seq in range(first, last + 1)}
        assert not told & self.lost, "told twice"
        self.lost |= told
        for boot, last in account.ended:
            assert boot not in self.ended
            self.ended[boot] = last

    def receive(self, outbox: Outbox) -> None:
        """Everything that is held arrives and is receipted."""
        for entry in list(outbox.pending()):
            key = entry.boot, entry.seq
            assert self.payloads.setdefault(key, entry.payload) == entry.payload, "a number was used again"
            if entry.channel is Channel.STATUS and key not in self.done:
                account = decode_status(entry.payload).account
                if account is not None:
                    self.hear(account)
            self.done.add(key)
            outbox.settle(stored(entry.boot, entry.seq, entry.seq))


@settings(max_examples=60)
@given(st.lists(DEEDS, max_size=60))
def test_every_number_ends_as_stored_rejected_or_told_as_lost(deeds: list[Deed]) -> None:
    ledger, limits = Ledger(), Limits(messages=12)
    with TemporaryDirectory() as folder:
        path = Path(folder)
        outbox = start(path, limits=limits)
        boots = [outbox.boot]
        for deed, back, first, width in deeds:
            boot = boots[-1 - back % len(boots)]
            if deed is PUT:
                outbox.put(SAMPLE, NOW_MS)
            elif deed is STATUS:
                outbox.put(Status("Running"), NOW_MS)
            elif deed in {SETTLE, REJECT}:
                # Accounts are heard when they come: here only samples and changes are settled.
                quiet = [
                    entry.seq
                    for entry in outbox.pending()
                    if entry.boot == boot and first <= entry.seq <= first + width and b"account" not in entry.payload
                ]
                for seq in quiet:
                    rejected = ((seq, seq, "too_late"),) if deed is REJECT else ()
                    outbox.settle(Receipt(NOW_MS, boot, () if rejected else ((seq, seq),), rejected))
                ledger.done |= {(boot, seq) for seq in quiet}
            elif deed is TELL:
                outbox.tell(Status("Running"), NOW_MS)
            else:
                ledger.drawn[outbox.boot] = outbox.last_seq
                if deed is RESTART:
                    outbox.close()
                else:
                    disk_of(outbox).close()  # what was not written yet is gone
                outbox = start(path, limits=limits)
                boots.append(outbox.boot)
        # Until nothing is left to be told; each telling may itself cost a sample its place.
        while outbox.tell(Status("Docked"), NOW_MS) or len(outbox):
            ledger.receive(outbox)
        ledger.drawn[outbox.boot] = outbox.last_seq
        outbox.close()
    assert ledger.ended == {boot: last for boot, last in ledger.drawn.items() if boot != outbox.boot}
    for boot, last in ledger.drawn.items():
        settled = {seq for its, seq in ledger.done | ledger.lost if its == boot}
        assert settled == set(range(1, last + 1))


def test_three_weeks_at_30_s_fit_into_the_usual_bounds(tmp_path: Path) -> None:
    outbox = start(tmp_path)
    entry = outbox.put(Telemetry(13.5, 21.2, 4.5, 80.0, {"temp": 32.5, "vibration": 0.01}), NOW_MS)
    outbox.close()
    assert Limits().messages > THREE_WEEKS
    assert Limits().size_bytes > THREE_WEEKS * len(entry.payload)


def test_what_is_given_up_in_many_runs_is_told_in_pieces_and_the_ledger_closes(tmp_path: Path) -> None:
    """A twentieth of three weeks, and as much again with a change of state at every fifth sample."""
    three_weeks = THREE_WEEKS // 20
    outbox = start(tmp_path, boot=7, limits=Limits(messages=3_150))
    fill(outbox, three_weeks)
    assert (len(outbox), outbox.counts.given_up) == (three_weeks, 0)
    for number in range(three_weeks):
        outbox.put(Status("Running") if number % 5 == 0 else SAMPLE, NOW_MS)
    outbox.close()
    again = start(tmp_path, boot=8, limits=Limits(messages=1_000))
    fill(again, 3)
    ledger = Ledger()
    assert again.tell(Status("Docked"), NOW_MS) == 2
    while len(again):
        ledger.receive(again)
        again.tell(Status("Docked"), NOW_MS)
    again.close()
    last = 2 * three_weeks
    assert ledger.ended == {7: last}
    assert {seq for boot, seq in ledger.done | ledger.lost if boot == 7} == set(range(1, last + 1))
    assert not ledger.done & ledger.lost
    changes = {three_weeks + 1 + number for number in range(0, three_weeks, 5)}
    assert changes <= {seq for boot, seq in ledger.done if boot == 7}
