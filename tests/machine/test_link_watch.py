"""A machine at work that nobody can reach."""

import pytest

from sunsweep.contract.commands import Order
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.link_watch import LinkLost, LinkWatch, Then
from sunsweep.machine.pilot import Move, Pilot
from sunsweep.machine.ports import Hardware
from sunsweep.machine.states import State
from tests.machine.fakes import FakeBody, FakeClock


class Rig:
    def __init__(self, then: Then) -> None:
        self.body, self.clock, self.moves = FakeBody(), FakeClock(), list[Move]()
        hardware = Hardware(self.body, self.body)
        self.pilot = Pilot(hardware, self.clock, interlocks=Interlocks(), listeners=[self.moves.append])
        self.watch = LinkWatch(LinkLost(go_on_min=10, then=then), self.clock, self.pilot)

    async def work(self) -> None:
        await self.pilot.order(Order.START_CLEANING, {})
        await self.pilot.tick()
        await self.watch.look(connected=True)

    async def alone(self, minutes: float) -> State:
        self.clock.advance(minutes * 60)
        await self.watch.look(connected=False)
        return self.pilot.state


@pytest.mark.parametrize(
    ("then", "state", "deed"),
    [(Then.RETURN_TO_DOCK, State.RETURNING, "return_to_dock"), (Then.STOP, State.IDLE, "halt")],
)
async def test_it_goes_on_for_a_while_and_then_does_as_the_file_says(then: Then, state: State, deed: str) -> None:
    rig = Rig(then)
    await rig.work()
    assert await rig.alone(9.9) is State.RUNNING
    assert await rig.alone(0.2) is state
    assert rig.body.calls[-1] == deed
    assert rig.moves[-1].words == "no connection for 10 min"


async def test_it_may_be_told_to_go_on_for_ever() -> None:
    rig = Rig(Then.GO_ON)
    await rig.work()
    assert await rig.alone(10_000) is State.RUNNING


async def test_a_connection_in_between_begins_the_minutes_anew() -> None:
    rig = Rig(Then.RETURN_TO_DOCK)
    await rig.work()
    assert await rig.alone(9) is State.RUNNING
    await rig.watch.look(connected=True)
    assert await rig.alone(9) is State.RUNNING
    assert await rig.alone(2) is State.RETURNING


@pytest.mark.parametrize("order", [Order.PAUSE, Order.STOP_CLEANING, Order.RETURN_TO_DOCK, Order.EMERGENCY_STOP])
async def test_a_machine_that_is_not_at_work_is_left_alone(order: Order) -> None:
    rig = Rig(Then.RETURN_TO_DOCK)
    await rig.work()
    state = await rig.pilot.order(order, {})
    calls = list(rig.body.calls)
    assert await rig.alone(60) is state
    assert rig.body.calls == calls
