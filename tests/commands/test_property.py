"""Whatever the network, the broker, the processes and the clocks do: what people are told of a machine is true.

For machines that answer: nothing runs twice, nothing after its time, a stop wins over every earlier start and is done
in the end, and what a command's row shows are the machine's own words. For bare ones: no start is sent twice, none
after a newer stop, and none has succeeded without a status that proves it.
"""

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from sunsweep.contract.commands import Order
from sunsweep.server.features.commands.lifecycle import State
from tests.commands.conftest import NewWorld
from tests.commands.loop import Point, Process
from tests.commands.world import Given

MACHINES = st.sampled_from(["REAL", "REAL", "BARE"])
STARTS = st.sampled_from(
    [*[Order.START_CLEANING] * 4, Order.RESUME, Order.PAUSE, Order.CONFIGURE, Order.RESET, Order.RESET]
)
STOPS = st.sampled_from([*[Order.STOP_CLEANING] * 4, *[Order.RETURN_TO_DOCK] * 2, Order.EMERGENCY_STOP])
LIVES_S = st.sampled_from([None, None, 2, 10, 60])
WAKES = st.sampled_from([True, True, False])
MOMENTS_S = st.sampled_from([0.0, 0.01, 0.03, 0.05, 0.1, 0.5])
WHILES_S = st.sampled_from([1.0, 3.0, 6.0, 12.0, 35.0])
AHEAD_MS = st.sampled_from([-30_000, -3_000, 0, 3_000, 30_000])
WHICH = st.integers(0, 9)
COUNTS = st.integers(1, 3)
POINTS = st.sampled_from([Point.COMMIT, Point.COMMITTED, Point.PUBLISH, Point.PUBACK])
STOPPINGS = st.one_of(st.tuples(POINTS, COUNTS), st.tuples(st.just(Point.STEP), st.integers(1, 60)))


class Trust(RuleBasedStateMachine):
    """A world that begins well, and what may happen to it."""

    def __init__(self, new_world: NewWorld) -> None:
        super().__init__()
        self._sound = True
        self._world = new_world()
        self._world.heal()
        self._world.run(3)

    def teardown(self) -> None:
        try:
            if self._sound:
                self._world.heal()
                self._world.come_to_rest()
                self._world.verdict.check_at_rest()
        finally:
            self._world.close()

    @invariant()
    def nothing_is_wrong(self) -> None:
        self._sound = False
        self._world.verdict.check()
        self._sound = True

    # People.

    @rule(serial=MACHINES, order=STARTS, life_s=LIVES_S, wake=WAKES, then_s=MOMENTS_S)
    def give_a_start(self, serial: str, order: Order, life_s: int | None, *, wake: bool, then_s: float) -> None:
        self._world.give(self._world.slots[serial], order, expires_in_s=life_s, wake=wake)
        self._world.run(then_s)

    @rule(serial=MACHINES, order=STOPS, wake=WAKES, then_s=MOMENTS_S)
    def give_a_stop(self, serial: str, order: Order, *, wake: bool, then_s: float) -> None:
        self._world.give(self._world.slots[serial], order, wake=wake)
        self._world.run(then_s)

    @rule(serial=MACHINES, start=STARTS, stop=STOPS, first_s=MOMENTS_S, then_s=MOMENTS_S)
    def give_a_start_and_a_stop(self, serial: str, start: Order, stop: Order, first_s: float, then_s: float) -> None:
        self._world.give(self._world.slots[serial], start)
        self._world.run(first_s)
        self._world.give(self._world.slots[serial], stop)
        self._world.run(then_s)

    @rule(serial=MACHINES, start=STARTS, stop=STOPS, then_s=MOMENTS_S)
    def have_a_stop_overtake_a_start(self, serial: str, start: Order, stop: Order, then_s: float) -> None:
        """On the way: what was given first arrives last, once the way is clear."""
        slot = self._world.slots[serial]
        slot.stall()
        self._world.give(slot, start)
        self._world.run(then_s)
        self._world.give(slot, stop)
        self._world.run(then_s)
        slot.turn_round()

    @precondition(lambda self: self._world.given)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        self._world.cancel(self._world.given[-1 - which % len(self._world.given)])

    @precondition(lambda self: self._open_stops)
    @rule(which=WHICH)
    def close(self, which: int) -> None:
        self._world.close_stop(self._open_stops[which % len(self._open_stops)])

    @rule(seconds=MOMENTS_S)
    def let_a_moment_pass(self, seconds: float) -> None:
        self._world.run(seconds)

    @rule(seconds=WHILES_S)
    def let_a_while_pass(self, seconds: float) -> None:
        self._world.run(seconds)

    # The network.

    @rule(serial=MACHINES, act=st.sampled_from(["stall", "stall", "hold", "cut", "lose"]))
    def obstruct(self, serial: str, act: str) -> None:
        slot = self._world.slots[serial]
        {"stall": slot.stall, "hold": slot.hold, "cut": slot.cut, "lose": slot.lose}[act]()

    @precondition(lambda self: any(slot.obstructed for slot in self._world.slots.values()))
    @rule()
    def clear_the_way(self) -> None:
        for slot in self._world.slots.values():
            slot.release()

    @precondition(lambda self: any(slot.on_the_way for slot in self._world.slots.values()))
    @rule()
    def turn_round(self) -> None:
        for slot in self._world.slots.values():
            slot.turn_round()

    @precondition(lambda self: any(slot.on_the_way for slot in self._world.slots.values()))
    @rule(which=WHICH, act=st.sampled_from(["drop", "double", "put off"]))
    def meddle(self, which: int, act: str) -> None:
        waiting = [(slot, item) for slot in self._world.slots.values() for item in slot.on_the_way]
        slot, item = waiting[which % len(waiting)]
        if act != "double":
            slot.drop(item)
        if act != "drop":
            slot.add(item)

    @precondition(lambda self: any(slot.brought for slot in self._world.slots.values()))
    @rule(which=WHICH)
    def bring_again(self, which: int) -> None:
        brought = [(slot, item) for slot in self._world.slots.values() for item in slot.brought]
        slot, item = brought[-1 - which % len(brought)]
        slot.bring(item)

    @rule(seconds=WHILES_S)
    def restart_the_broker(self, seconds: float) -> None:
        self._world.broker.stop()
        self._world.run(seconds)
        self._world.broker.start()

    # The processes.

    @precondition(lambda self: None in self._world.dispatchers)
    @rule()
    def start_a_dispatcher(self) -> None:
        self._world.start_dispatcher(self._world.dispatchers.index(None))

    @precondition(lambda self: self._running_dispatchers)
    @rule(which=WHICH, stop=STOPPINGS, kill=st.booleans())
    def stop_a_dispatcher(self, which: int, stop: tuple[Point, int], *, kill: bool) -> None:
        running = self._running_dispatchers
        self._world.stop_at(running[which % len(running)], *stop, kill=kill)

    @precondition(lambda self: self._running_dispatchers)
    @rule(serial=MACHINES, order=st.one_of(STARTS, STOPS), point=POINTS, kill=st.booleans(), again=st.booleans())
    def stop_the_dispatchers_over_a_command(
        self, serial: str, order: Order, point: Point, *, kill: bool, again: bool
    ) -> None:
        """Whoever of them takes it in hand; `again`: another is there at once."""
        for process in self._running_dispatchers:
            self._world.stop_at(process, point, 1, kill=kill)
        self._world.give(self._world.slots[serial], order)
        self._world.run(0.5)
        if again and None in self._world.dispatchers:
            self._world.start_dispatcher(self._world.dispatchers.index(None))

    @precondition(lambda self: any(held.frozen for held in self._world.dispatchers if held))
    @rule()
    def wake_a_dispatcher(self) -> None:
        next(held for held in self._world.dispatchers if held and held.frozen).thaw()

    @precondition(lambda self: self._world.ingest is not None and not self._world.ingest.frozen)
    @rule(point=st.sampled_from([Point.STEP, Point.COMMIT, Point.COMMITTED]), count=COUNTS, kill=st.booleans())
    def stop_the_ingest(self, point: Point, count: int, *, kill: bool) -> None:
        assert self._world.ingest is not None
        self._world.stop_at(self._world.ingest, point, count, kill=kill)

    @precondition(lambda self: self._world.ingest is None or self._world.ingest.frozen)
    @rule()
    def have_the_ingest_run(self) -> None:
        self._world.start_ingest()
        if self._world.ingest is not None:
            self._world.ingest.thaw()

    @rule(serial=MACHINES)
    def cut_the_power(self, serial: str) -> None:
        self._world.slots[serial].kill()

    @precondition(lambda self: not all(slot.running for slot in self._world.slots.values()))
    @rule()
    def switch_on(self) -> None:
        for slot in self._world.slots.values():
            if not slot.running:
                slot.start()

    # The clocks.

    @rule(backend_ms=AHEAD_MS, machine_ms=AHEAD_MS)
    def set_the_clocks(self, backend_ms: int, machine_ms: int) -> None:
        self._world.set_clock(backend_ms)
        self._world.real.clock.ahead_ms = machine_ms

    @rule()
    def an_hour_is_gone(self) -> None:
        self._world.leap(3_600_000)

    @property
    def _open_stops(self) -> list[Given]:
        """Those that may be closed."""
        may_be = {row.id for row in self._world.rows() if row.holds and row.state not in {State.QUEUED, State.SENT}}
        return [given for given in self._world.given if given.id in may_be]

    @property
    def _running_dispatchers(self) -> list[Process]:
        return [held for held in self._world.dispatchers if held is not None and not held.frozen]


def prove(new_world: NewWorld, *, examples: int, number: int | None = None) -> None:
    """The same examples every time, told as they happened; or others for each number, made short if they fail."""
    phases = [Phase.generate] if number is None else [Phase.generate, Phase.shrink]
    proof = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        derandomize=number is None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )

    class Here(Trust):
        """What is run is a class without arguments."""

        def __init__(self) -> None:
            super().__init__(new_world)

    run_state_machine_as_test(Here if number is None else seed(number)(Here), settings=proof)


@pytest.mark.timeout(230)
def test_what_people_are_told_is_true(new_world: NewWorld) -> None:
    prove(new_world, examples=45)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", range(10))
def test_what_people_are_told_is_true_in_other_stories(new_world: NewWorld, number: int) -> None:
    prove(new_world, examples=60, number=number)
