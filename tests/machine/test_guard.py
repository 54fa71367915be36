"""Deliveries that must run, and deliveries that must not."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.contract.codec import encode_command
from sunsweep.contract.commands import Order
from sunsweep.contract.ids import uuid7
from sunsweep.contract.payloads import Command, Result, ResultState
from sunsweep.machine.guard import REMEMBERED_RESULTS, Delivery, Execute, Guard, Memory, Refuse, Repeat, Verdict
from tests.machine.fakes import FakeClock

_draw = Random(11)


def an_id(ms: int) -> str:
    return uuid7(ms, _draw.getrandbits(74))


def delivery(command: str, identifier: str | None = None, **more: object) -> Delivery:
    return Delivery(encode_command(Command(command, {}, identifier, **more)))  # type: ignore[arg-type]  # any keyword of Command


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def guard(clock: FakeClock) -> Guard:
    return Guard(clock)


def reason(verdict: Verdict) -> str:
    assert isinstance(verdict, Refuse), verdict
    return verdict.reason


@pytest.mark.parametrize("order", list(Order))
def test_bare_commands_run(guard: Guard, order: Order) -> None:
    for _ in range(2):
        verdict = guard.judge(delivery(order))
        assert isinstance(verdict, Execute)
        assert verdict.order is order


def test_the_customers_own_bytes_run(guard: Guard) -> None:
    verdict = guard.judge(Delivery(b'{"command":"start_cleaning","params":{"speed":5,"mode":"auto"},"by":"hand"}'))
    assert isinstance(verdict, Execute)
    assert verdict.command.params == {"speed": 5, "mode": "auto"}


@given(st.binary(max_size=200))
def test_no_bytes_break_it(payload: bytes) -> None:
    assert isinstance(Guard(FakeClock()).judge(Delivery(payload)), Execute | Refuse)


def test_malformed_is_refused_and_told_where_the_id_can_be_read(guard: Guard) -> None:
    identifier = an_id(5)
    verdict = guard.judge(Delivery(f'{{"command":7,"id":"{identifier}"}}'.encode()))
    assert reason(verdict) == "malformed"
    assert isinstance(verdict, Refuse)
    assert verdict.id == identifier
    unreadable = guard.judge(Delivery(b"start!"))
    assert isinstance(unreadable, Refuse)
    assert unreadable.id is None


def test_unknown_and_retained_commands_are_refused(guard: Guard) -> None:
    assert reason(guard.judge(delivery("dance", an_id(1)))) == "unknown_command"
    for order in ("start_cleaning", "stop_cleaning"):
        assert reason(guard.judge(delivery(order)._replace(retained=True))) == "retained"


def test_an_expired_start_is_refused_and_an_expired_stop_runs(guard: Guard, clock: FakeClock) -> None:
    late = clock.now_ms() - 1
    assert reason(guard.judge(delivery("start_cleaning", an_id(1), expires_at_ms=late))) == "expired"
    assert reason(guard.judge(delivery("start_cleaning")._replace(expires_in_s=0))) == "expired"
    assert isinstance(guard.judge(delivery("stop_cleaning", an_id(2), expires_at_ms=late)), Execute)


def test_a_clock_that_cannot_be_trusted_expires_nothing(guard: Guard, clock: FakeClock) -> None:
    clock.synchronised = False
    late = clock.now_ms() - 1
    assert isinstance(guard.judge(delivery("start_cleaning", an_id(1), expires_at_ms=late)), Execute)


@pytest.mark.parametrize("order", [Order.START_CLEANING, Order.RESUME, Order.RESET])
def test_what_is_older_than_the_last_stop_does_not_run(guard: Guard, order: Order) -> None:
    guard.judge(delivery("stop_cleaning", an_id(20)))
    assert reason(guard.judge(delivery(order, an_id(10)))) == "older_than_stop"
    assert isinstance(guard.judge(delivery(order, an_id(30))), Execute)


def test_an_older_return_does_not_move_a_machine_that_was_stopped(guard: Guard) -> None:
    guard.judge(delivery("stop_cleaning", an_id(20)))
    assert reason(guard.judge(delivery("return_to_dock", an_id(10)))) == "superseded"
    assert isinstance(guard.judge(delivery("return_to_dock", an_id(30))), Execute)
    assert isinstance(guard.judge(delivery("emergency_stop", an_id(5))), Execute)


def test_a_repeated_id_gets_its_last_word(guard: Guard) -> None:
    identifier = an_id(10)
    assert isinstance(guard.judge(delivery("start_cleaning", identifier)), Execute)
    said = Result(identifier, ResultState.RUNNING)
    guard.remember(said)
    assert guard.judge(delivery("start_cleaning", identifier)) == Repeat(said)


def test_what_was_forgotten_does_not_run_again(guard: Guard) -> None:
    ids = [an_id(ms) for ms in range(1, REMEMBERED_RESULTS + 3)]
    for identifier in ids:
        guard.remember(Result(identifier, ResultState.SUCCEEDED))
    assert reason(guard.judge(delivery("start_cleaning", ids[0]))) == "too_old"
    assert isinstance(guard.judge(delivery("start_cleaning", ids[-1])), Repeat)


def test_what_it_knows_can_outlive_it(clock: FakeClock) -> None:
    kept: list[Memory] = []
    first, stop = Guard(clock, keep=kept.append), an_id(20)
    first.judge(delivery("stop_cleaning", stop))
    first.remember(Result(stop, ResultState.SUCCEEDED))
    second = Guard(clock, memory=kept[-1])
    assert reason(second.judge(delivery("start_cleaning", an_id(10)))) == "older_than_stop"
    assert isinstance(second.judge(delivery("stop_cleaning", stop)), Repeat)
