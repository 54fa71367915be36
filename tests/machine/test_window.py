"""How much goes out, when, and how often."""

from sunsweep.contract.codec import decode_status
from sunsweep.contract.limits import MAX_UNRECEIPTED
from sunsweep.contract.payloads import LossAccount, Receipt, Status, Telemetry
from sunsweep.machine.outbox import MemoryOutbox
from sunsweep.machine.window import MAX_TRIES, PATIENCE_S, Window

BOOT = 5


class Bench:
    """An outbox and its window; `send` takes everything that is due at an instant."""

    def __init__(self, filled: int = 0) -> None:
        self.outbox = MemoryOutbox(BOOT)
        self.put(filled)
        self.window = Window(self.outbox)

    def put(self, count: int) -> None:
        for _ in range(count):
            self.outbox.put(Telemetry(13.0), 1)

    def send(self, now_s: float) -> list[tuple[int, int]]:
        sent: list[tuple[int, int]] = []
        while due := self.window.due(now_s):
            sent += [(sending.entry.seq, sending.qos) for sending in due]
        return sent

    def receipt(self, first: int, last: int, now_s: float) -> None:
        self.outbox.settle(Receipt(1, BOOT, ((first, last),)))
        self.window.opened(now_s)


def properly(first: int, last: int) -> list[tuple[int, int]]:
    return [(seq, 1) for seq in range(first, last + 1)]


def test_everything_held_goes_out_in_order_and_once() -> None:
    bench = Bench(50)
    assert bench.send(0) == [(50, 0), *properly(1, 50)], "the newest is shown ahead of a long history"
    assert bench.send(1) == []
    bench.put(1)
    assert bench.send(2) == properly(51, 51)


def test_no_more_than_the_limit_is_out() -> None:
    bench = Bench(MAX_UNRECEIPTED + 100)
    assert bench.send(0) == [(MAX_UNRECEIPTED + 100, 0), *properly(1, MAX_UNRECEIPTED)]
    bench.receipt(1, 30, 1)
    assert bench.send(1) == properly(MAX_UNRECEIPTED + 1, MAX_UNRECEIPTED + 30)


def test_history_does_not_hide_what_is_new_from_the_viewers() -> None:
    bench = Bench(MAX_UNRECEIPTED + 100)
    bench.send(0)
    bench.put(1)
    newest = MAX_UNRECEIPTED + 101
    assert bench.send(1) == [(newest, 0)]
    assert bench.send(2) == []
    bench.receipt(1, 200, 3)
    assert bench.send(3)[-1] == (newest, 1)


def test_unanswered_it_closes_and_tries_only_the_oldest_ever_more_slowly() -> None:
    bench = Bench(3)
    bench.send(0)
    assert bench.window.wait_s(10) == PATIENCE_S - 10
    assert bench.send(30) == [(1, 1)]
    assert bench.window.closed
    tries = [now_s for now_s in range(31, 1000) if bench.send(now_s)]
    assert tries == [35, 45, 65, 105, 185, 345, 645, 945]


def test_closed_it_shows_new_samples_once() -> None:
    bench = Bench(1)
    bench.send(0)
    bench.send(30)
    bench.put(2)
    assert bench.send(31) == [(2, 0), (3, 0)]
    assert bench.send(32) == []


def test_a_receipt_opens_it_and_what_was_lost_goes_again() -> None:
    bench = Bench(3)
    bench.send(0)
    bench.send(30)
    bench.put(1)
    bench.send(31)
    bench.receipt(1, 1, 32)
    assert not bench.window.closed
    assert bench.send(32) == properly(2, 4)


def test_what_went_out_just_now_is_given_time() -> None:
    bench = Bench(2)
    bench.send(0)
    bench.put(1)
    bench.send(8)
    bench.receipt(1, 1, 9)
    assert bench.send(9) == properly(2, 2)


def test_a_new_connection_sends_all_that_is_held_again() -> None:
    bench = Bench(3)
    bench.send(0)
    bench.window = Window(bench.outbox)
    assert bench.send(1) == properly(1, 3)


def test_never_answered_while_later_ones_are_it_is_given_up_and_told() -> None:
    bench = Bench(1)
    tries: dict[int, int] = {}
    sent = 0
    for round_ in range(30):
        bench.window = Window(bench.outbox, tries=tries)
        bench.put(1)
        sent += bench.send(10.0 * round_).count((1, 1))
        bench.receipt(round_ + 2, round_ + 2, 10.0 * round_ + 6)
    assert sent == MAX_TRIES
    assert len(bench.outbox) == 0
    bench.outbox.tell(Status("Idle"), 1)
    [entry] = bench.outbox.pending()
    assert decode_status(entry.payload).account == LossAccount(lost=[(BOOT, 1, 1)])
    assert tries == {}


def test_a_link_that_breaks_again_and_again_costs_no_message() -> None:
    bench = Bench(3)
    tries: dict[int, int] = {}
    bench.window = Window(bench.outbox, tries=tries)
    bench.send(0)
    bench.receipt(3, 3, 1)
    for round_ in range(1, 5 * MAX_TRIES):
        bench.window = Window(bench.outbox, tries=tries)
        assert bench.send(10.0 * round_) == properly(1, 2)


def test_however_often_it_was_sent_while_nothing_was_answered_it_stays() -> None:
    bench = Bench(3)
    tries: dict[int, int] = {}
    for round_ in range(30):
        bench.window = Window(bench.outbox, tries=tries)
        bench.send(10.0 * round_)
    bench.receipt(2, 3, 301)
    bench.window = Window(bench.outbox, tries=tries)
    assert bench.send(310) == [(1, 1)]
    assert 1 in bench.outbox
