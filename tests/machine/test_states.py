"""The table of legal moves, and a pilot that cannot leave it."""

from hypothesis import given
from hypothesis import strategies as st

from sunsweep.contract.commands import STOP_RANK, Order
from sunsweep.contract.limits import MAX_STATUS_CHARS
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.orders import GOALS
from sunsweep.machine.pilot import Move, Pilot, Rejected
from sunsweep.machine.ports import Activity, Hardware
from sunsweep.machine.states import MOVES, Happening, State, move, why_not
from tests.machine.fakes import FakeBody, FakeClock

STANDING = {State.IDLE, State.DOCKED, State.CHARGING, State.FAULT, State.EMERGENCY_STOP}


def test_every_state_has_its_moves_and_can_be_stopped_in_an_emergency() -> None:
    assert set(MOVES) == set(State)
    assert all(move(state, Order.EMERGENCY_STOP) is State.EMERGENCY_STOP for state in State)


def test_emergency_stop_is_left_by_reset_only() -> None:
    ways_out = {cause for cause, state in MOVES[State.EMERGENCY_STOP].items() if state is not State.EMERGENCY_STOP}
    assert ways_out == {Order.RESET}


def test_stop_cleaning_leads_to_a_standing_machine_from_everywhere_it_is_taken() -> None:
    for moves in MOVES.values():
        assert moves.get(Order.STOP_CLEANING, State.IDLE) in STANDING


def test_work_begins_by_start_and_resume_only() -> None:
    into_work = {
        cause
        for state, moves in MOVES.items()
        for cause, target in moves.items()
        if target in {State.STARTING, State.RUNNING} and target is not state
    }
    assert into_work == {Order.START_CLEANING, Order.RESUME, Happening.WORKING}


def test_every_goal_is_a_state_that_its_order_can_lead_to() -> None:
    assert set(GOALS) == set(Order) - {Order.CONFIGURE}, "which is none of the drive's"
    for order, goals in GOALS.items():
        firsts = {moves[order] for moves in MOVES.values() if order in moves}
        reachable = firsts | {target for first in firsts for target in MOVES[first].values()}
        assert goals <= reachable | {State.CHARGING}


def test_words_on_the_wire_fit_the_contract() -> None:
    assert str(State.RUNNING) == "Running"
    assert all(len(state) <= MAX_STATUS_CHARS for state in State)
    assert all(str(order).replace("_", " ") in why_not(state, order) for state in State for order in Order)


ORDERS = st.sampled_from(list(Order))
SIGHTS: st.SearchStrategy[dict[str, object]] = st.builds(
    dict,
    activity=st.sampled_from(list(Activity)),
    battery_v=st.sampled_from([None, 11.9, 13.2]),
    water_pct=st.sampled_from([None, 0.0, 80.0]),
    charging=st.booleans(),
    row_done=st.booleans(),
    emergency=st.booleans(),
    button_pressed=st.booleans(),
    tilt_deg=st.sampled_from([None, 10.0, 80.0]),
    temp_c=st.sampled_from([None, 30.0, 99.0]),
)
STEPS = st.lists(st.one_of(ORDERS, SIGHTS, st.just("drive fails"), st.just("sensors fail")), max_size=40)


@given(STEPS)
async def test_whatever_is_ordered_and_seen_no_illegal_move_happens(steps: list[object]) -> None:
    body, moves = FakeBody(), list[Move]()
    pilot = Pilot(Hardware(body, body), FakeClock(), interlocks=Interlocks(), listeners=[moves.append])
    state = pilot.state
    for step in steps:
        body.broken_drive, body.broken_sensors = step == "drive fails", step == "sensors fail"
        if isinstance(step, Order):
            try:
                await pilot.order(step, {})
            except Rejected:
                assert pilot.state is state
        else:
            if isinstance(step, dict):
                body.see(**step)
            await pilot.tick()
        for made in moves:
            assert move(state, made.cause) is made.state
            if state is State.EMERGENCY_STOP:
                assert made.cause is Order.RESET
            if made.state in {State.STARTING, State.RUNNING}:
                assert made.cause not in STOP_RANK
            state = made.state
        moves.clear()
        assert pilot.state is state
