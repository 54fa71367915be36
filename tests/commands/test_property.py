"""Whatever the network, the broker, the processes and the clocks do: what people are told of a machine is true.

For machines that answer: nothing runs twice, nothing after its time, a stop wins over every earlier start and is done
in the end, and what a command's row shows are the machine's own words. For bare ones: no start is sent twice, none
after a newer stop, and none has succeeded without a status that proves it.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from sunsweep.contract.commands import Order
from tests.commands.conftest import NewWorld
from tests.commands.loop import Point

MACHINES = st.sampled_from(["REAL", "REAL", "BARE"])
STARTS = st.sampled_from([Order.START_CLEANING, Order.START_CLEANING, Order.RESUME, Order.PAUSE, Order.RESET])
STOPS = st.sampled_from([Order.STOP_CLEANING, Order.STOP_CLEANING, Order.RETURN_TO_DOCK, Order.EMERGENCY_STOP])
LIVES_S = st.sampled_from([None, 2, 10, 60])
WHILES_S = st.sampled_from([0.01, 0.05, 0.2, 1.0, 3.0, 6.0, 12.0, 35.0])
AHEAD_MS = st.sampled_from([-30_000, -3_000, 0, 3_000, 30_000])
WHICH = st.integers(0, 9)
DISPATCHERS = st.sampled_from([0, 1])
POINTS = st.sampled_from([Point.COMMIT, Point.COMMITTED, Point.PUBLISH, Point.PUBACK])
COUNTS = st.integers(1, 3)
STEPS = st.integers(1, 60)
REST_S = 130.0


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
                self._world.run(REST_S)
                self._world.verdict.check_at_rest()
        finally:
            self._world.close()

    @invariant()
    def nothing_is_wrong(self) -> None:
        self._sound = False
        self._world.verdict.check()
        self._sound = True

    # People.

    @rule(serial=MACHINES, order=STARTS, life_s=LIVES_S)
    def give_a_start(self, serial: str, order: Order, life_s: int | None) -> None:
        self._world.give(self._world.slots[serial], order, expires_in_s=life_s)

    @rule(serial=MACHINES, order=STOPS)
    def give_a_stop(self, serial: str, order: Order) -> None:
        self._world.give(self._world.slots[serial], order)

    @rule(serial=MACHINES, order=st.one_of(STARTS, STOPS))
    def give_and_be_killed_before_the_wake(self, serial: str, order: Order) -> None:
        self._world.give(self._world.slots[serial], order, wake=False)

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        if self._world.given:
            self._world.cancel(self._world.given[-1 - which % len(self._world.given)])

    @rule(which=WHICH)
    def close(self, which: int) -> None:
        if self._world.given:
            self._world.close_stop(self._world.given[-1 - which % len(self._world.given)])

    @rule(seconds=WHILES_S)
    def let_time_pass(self, seconds: float) -> None:
        self._world.run(seconds)

    # The network.

    @rule(serial=MACHINES)
    def stall(self, serial: str) -> None:
        self._world.slots[serial].stall()

    @rule(serial=MACHINES)
    def keep_in_the_broker(self, serial: str) -> None:
        self._world.slots[serial].hold()

    @rule(serial=MACHINES)
    def release(self, serial: str) -> None:
        self._world.slots[serial].release()

    @rule(serial=MACHINES, which=WHICH, act=st.sampled_from(["drop", "double", "put_off"]))
    def meddle(self, serial: str, which: int, act: str) -> None:
        slot = self._world.slots[serial]
        if waiting := slot.on_the_way:
            item = waiting[which % len(waiting)]
            if act != "drop":
                slot.double(item)
            if act != "double":
                slot.drop(item)

    @rule(serial=MACHINES, which=WHICH)
    def bring_again(self, serial: str, which: int) -> None:
        self._world.slots[serial].bring_again(which)

    @rule(serial=MACHINES, noticed=st.booleans())
    def cut(self, serial: str, *, noticed: bool) -> None:
        self._world.slots[serial].cut(noticed=noticed)

    @rule(serial=MACHINES)
    def mend(self, serial: str) -> None:
        self._world.slots[serial].reachable = True

    @rule(seconds=WHILES_S)
    def restart_the_broker(self, seconds: float) -> None:
        self._world.broker.stop()
        self._world.run(seconds)
        self._world.broker.start()

    # The processes.

    @rule(which=DISPATCHERS)
    def start_a_dispatcher(self, which: int) -> None:
        self._world.start_dispatcher(which)

    @rule(which=DISPATCHERS, point=POINTS, count=COUNTS, kill=st.booleans())
    def stop_a_dispatcher(self, which: int, point: Point, count: int, *, kill: bool) -> None:
        process = self._world.dispatchers[which]
        if process is not None:
            self._world.stop_at(process, point, count, kill=kill)

    @rule(which=DISPATCHERS, steps=STEPS, kill=st.booleans())
    def stop_a_dispatcher_anywhere(self, which: int, steps: int, *, kill: bool) -> None:
        process = self._world.dispatchers[which]
        if process is not None:
            self._world.stop_at(process, Point.STEP, steps, kill=kill)

    @rule(which=DISPATCHERS)
    def wake_a_dispatcher(self, which: int) -> None:
        process = self._world.dispatchers[which]
        if process is not None:
            process.thaw()

    @rule(point=st.sampled_from([Point.STEP, Point.COMMIT, Point.COMMITTED]), count=COUNTS, kill=st.booleans())
    def stop_the_ingest(self, point: Point, count: int, *, kill: bool) -> None:
        if self._world.ingest is not None:
            self._world.stop_at(self._world.ingest, point, count, kill=kill)

    @rule()
    def have_the_ingest_run(self) -> None:
        self._world.start_ingest()
        if self._world.ingest is not None:
            self._world.ingest.thaw()

    @rule(serial=MACHINES)
    def cut_the_power(self, serial: str) -> None:
        self._world.slots[serial].kill()

    @rule(serial=MACHINES)
    def switch_on(self, serial: str) -> None:
        slot = self._world.slots[serial]
        if not slot.running:
            slot.start()

    # The clocks.

    @rule(ahead_ms=AHEAD_MS)
    def set_the_backends_clock(self, ahead_ms: int) -> None:
        self._world.set_clock(ahead_ms)

    @rule(ahead_ms=AHEAD_MS)
    def set_the_machines_clock(self, ahead_ms: int) -> None:
        self._world.real.clock.ahead_ms = ahead_ms

    @rule()
    def an_hour_is_gone(self) -> None:
        self._world.leap(3_600_000)


BASE = settings(
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


@pytest.mark.timeout(600)
def test_what_people_are_told_is_true(new_world: NewWorld) -> None:
    run_state_machine_as_test(lambda: Trust(new_world), settings=settings(BASE, max_examples=100, derandomize=True))


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_what_people_are_told_is_true_ten_times_as_often(new_world: NewWorld) -> None:
    run_state_machine_as_test(lambda: Trust(new_world), settings=settings(BASE, max_examples=1000))
