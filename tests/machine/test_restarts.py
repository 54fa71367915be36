"""Orders that the end of the program broke off, and what it may not forget of them."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sunsweep.contract.codec import encode_command
from sunsweep.contract.ids import uuid7
from sunsweep.contract.payloads import Command, Result, ResultState
from sunsweep.machine.commander import Commander
from sunsweep.machine.guard import Delivery, Guard
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.latch import Latch
from sunsweep.machine.pilot import Listener, Pilot
from sunsweep.machine.ports import Hardware
from sunsweep.machine.start import keeper_in, memory_in
from sunsweep.machine.states import State
from tests.machine.disks import start
from tests.machine.fakes import FakeBody, FakeClock


class PowerCut(BaseException):
    """In the midst of a deed."""


class Life:
    """One start of the program on the same body and the same state folder."""

    def __init__(self, folder: Path, body: FakeBody) -> None:
        self.said: list[Result] = []
        self.outbox = start(folder)
        clock = FakeClock()
        guard = Guard(clock, memory=memory_in(self.outbox), keep=keeper_in(self.outbox))
        self.commander = Commander(guard, self.said.append, self.configure)
        self.latch = Latch(self.outbox)
        listeners: list[Listener] = [self.latch.hear, self.commander.hear]
        self.pilot = Pilot(Hardware(body, body), clock, interlocks=Interlocks(), listeners=listeners)

    async def configure(self, params: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError(params)

    async def wake(self) -> None:
        await self.pilot.wake(emergency=self.latch.in_force)
        self.commander.wake()

    async def give(self, command: str, *, at_ms: int) -> ResultState | None:
        """The last word on it, where there is one."""
        identifier = uuid7(at_ms, Random(at_ms).getrandbits(74))
        await self.commander.take(Delivery(encode_command(Command(command, {}, identifier))), self.pilot)
        words = [result.state for result in self.said if result.id == identifier]
        return words[-1] if words else None


@pytest.fixture
def body() -> FakeBody:
    return FakeBody()


async def cleaning(folder: Path, body: FakeBody) -> Life:
    life = Life(folder, body)
    await life.wake()
    await life.give("start_cleaning", at_ms=10)
    return life


async def test_switching_off_and_on_is_no_way_out_of_an_emergency_stop(tmp_path: Path, body: FakeBody) -> None:
    life = await cleaning(tmp_path, body)
    await life.give("emergency_stop", at_ms=20)
    life.outbox.close()
    body.calls.clear()
    again = Life(tmp_path, body)
    await again.wake()
    assert body.calls == ["cut_power"]
    assert await again.give("start_cleaning", at_ms=30) is ResultState.REJECTED
    assert await again.give("reset", at_ms=40) is ResultState.SUCCEEDED
    again.outbox.close()
    third = Life(tmp_path, body)
    await third.wake()
    assert await third.give("start_cleaning", at_ms=50) is ResultState.RUNNING
    third.outbox.close()


async def test_power_that_cannot_be_cut_again_leaves_the_emergency_stop_in_force(
    tmp_path: Path, body: FakeBody
) -> None:
    life = await cleaning(tmp_path, body)
    await life.give("emergency_stop", at_ms=20)
    life.outbox.close()
    body.broken_drive = True
    again = Life(tmp_path, body)
    await again.wake()
    assert again.pilot.state is State.EMERGENCY_STOP
    again.outbox.close()


async def test_a_stop_that_the_power_cut_broke_off_is_executed_when_it_comes_again(
    tmp_path: Path, body: FakeBody, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = await cleaning(tmp_path, body)

    async def cut() -> None:
        raise PowerCut

    monkeypatch.setattr(body, "cut_power", cut)
    with pytest.raises(PowerCut):
        await life.give("emergency_stop", at_ms=20)
    monkeypatch.undo()
    life.outbox.close()
    again = Life(tmp_path, body)
    await again.wake()
    assert await again.give("emergency_stop", at_ms=20) is ResultState.SUCCEEDED
    assert again.pilot.state is State.EMERGENCY_STOP
    assert await again.give("emergency_stop", at_ms=20) is ResultState.SUCCEEDED
    assert body.calls.count("cut_power") == 1
    again.outbox.close()


async def test_a_start_that_the_power_cut_broke_off_has_failed_and_never_runs_again(
    tmp_path: Path, body: FakeBody
) -> None:
    life = await cleaning(tmp_path, body)
    assert life.said[-1].state is ResultState.RUNNING
    life.outbox.close()
    again = Life(tmp_path, body)
    await again.wake()
    [told] = again.said
    assert told.state is ResultState.FAILED
    assert told.detail["reason"] == "restarted"
    assert await again.give("start_cleaning", at_ms=10) is ResultState.FAILED
    assert [call for call in body.calls if call.startswith("start")] == ["start 5 auto"]
    again.outbox.close()
