"""Single stories in the world of the property test, and that its verdict is not blind."""

from collections.abc import Iterator

import pytest

from sunsweep.contract.payloads import Command
from sunsweep.server.features.commands.lifecycle import State
from tests.commands.conftest import NewWorld
from tests.commands.loop import Point
from tests.commands.machines import Deed
from tests.commands.world import World

HOUR_MS = 3_600_000
OLD, NEW = "018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-000000000002"


@pytest.fixture
def world(new_world: NewWorld) -> Iterator[World]:
    """Everything has run for a while."""
    made = new_world()
    made.heal()
    made.run(5)
    yield made
    made.close()


def states(world: World) -> dict[str, str]:
    return {row.id: row.state for row in world.rows()}


def end(world: World) -> None:
    """Everything is mended, and comes to rest."""
    world.heal()
    world.come_to_rest()
    world.verdict.check_at_rest()


def test_a_start_and_a_stop_go_their_way_on_both_machines(world: World) -> None:
    for slot in world.slots.values():
        for command in ("start_cleaning", "stop_cleaning"):
            given = world.give(slot, command)
            world.run(5)
            assert states(world)[given] == State.SUCCEEDED
    assert world.real.body.calls == ["start 5 auto", "halt"]
    assert [command.command for command in world.bare.did] == ["start_cleaning", "stop_cleaning"]
    end(world)


def test_after_an_hour_offline_the_stop_goes_first_and_no_start_moves_the_machine(world: World) -> None:
    for slot in world.slots.values():
        slot.cut()
    world.run(1)
    waiting = [world.give(slot, "start_cleaning", expires_in_s=60) for slot in world.slots.values()]
    stops = [world.give(slot, "stop_cleaning") for slot in world.slots.values()]
    refused = [world.give(slot, "start_cleaning") for slot in world.slots.values()]
    world.leap(HOUR_MS)
    world.run(1)
    end(world)
    assert refused == ["stop_unconfirmed"] * 2
    found = {given.id: given for given in world.given}
    assert set(found) == {*waiting, *stops}
    assert [deed.command.id for deed in world.real.deeds] == [stops[0]]
    assert {command.id for command in world.bare.did} == {stops[1]}


def test_a_dispatch_that_is_killed_takes_its_transaction_with_it(world: World) -> None:
    dispatch = world.dispatchers[0]
    assert dispatch is not None
    world.stop_at(dispatch, Point.COMMIT, 1, kill=True)
    world.run(10)
    assert world.dispatchers[0] is None
    given = world.give(world.real, "start_cleaning")
    assert states(world)[given] == State.QUEUED
    world.start_dispatcher(0)
    world.run(20)  # until the lease of the killed one lapses
    assert states(world)[given] == State.SUCCEEDED
    end(world)


def test_a_paused_dispatch_stands_still_and_the_other_takes_over(world: World) -> None:
    world.start_dispatcher(1)
    world.run(1)
    first = world.dispatchers[0]
    assert first is not None
    world.pause(first)
    given = world.give(world.bare, "start_cleaning")
    world.run(5)
    assert states(world)[given] == State.QUEUED
    world.run(10)
    assert states(world)[given] == State.SUCCEEDED
    first.thaw()
    world.run(10)
    assert len(world.bare.did) == 1
    end(world)


def test_a_start_that_the_network_brings_after_a_newer_stop_does_not_run(world: World) -> None:
    world.real.stall()
    start = world.give(world.real, "start_cleaning")
    world.run(1)
    stop = world.give(world.real, "stop_cleaning")
    world.run(1)
    world.real.turn_round()
    end(world)
    assert [deed.command.id for deed in world.real.deeds] == [stop]
    assert states(world)[start] == State.REJECTED


def test_a_stop_that_is_lost_on_the_way_is_sent_again(world: World) -> None:
    for slot in world.slots.values():
        slot.stall()
    stops = [world.give(slot, "stop_cleaning") for slot in world.slots.values()]
    world.run(1)
    for slot in world.slots.values():
        for delivery in slot.on_the_way:
            slot.drop(delivery)
    end(world)
    assert {states(world)[stop] for stop in stops} == {State.SUCCEEDED}
    assert len(world.real.deeds) == len(world.bare.did) == 1


def test_a_bare_start_that_is_lost_on_the_way_is_not_sent_again_and_said_to_be_unconfirmed(world: World) -> None:
    world.bare.stall()
    start = world.give(world.bare, "start_cleaning")
    world.run(1)
    world.bare.drop(*world.bare.on_the_way)
    end(world)
    assert states(world)[start] == State.UNCONFIRMED
    assert world.bare.did == []


@pytest.mark.parametrize(("point", "heard"), [(Point.PUBLISH, 0), (Point.PUBACK, 1)])
def test_a_bare_start_whose_dispatch_dies_is_heard_once_at_most(world: World, point: Point, heard: int) -> None:
    dispatch = world.dispatchers[0]
    assert dispatch is not None
    world.stop_at(dispatch, point, 1, kill=True)
    world.give(world.bare, "start_cleaning")
    world.run(1)
    assert world.dispatchers[0] is None
    end(world)
    assert len(world.bare.did) == heard
    assert [row.state for row in world.rows()] == [State.UNCONFIRMED]


def test_a_dispatch_that_is_paused_before_it_publishes_a_bare_start_never_sends_it_after_a_stop(world: World) -> None:
    world.start_dispatcher(1)
    dispatch = world.dispatchers[0]
    assert dispatch is not None
    world.stop_at(dispatch, Point.PUBLISH, 1, kill=False)
    start = world.give(world.bare, "start_cleaning")
    world.run(15)
    stop = world.give(world.bare, "stop_cleaning")
    world.run(5)
    assert states(world)[stop] == State.SUCCEEDED
    dispatch.thaw()
    end(world)
    assert [command.id for command in world.bare.did] == [stop]
    assert states(world)[start] == State.UNCONFIRMED


@pytest.mark.parametrize("kill", [False, True])
def test_a_command_that_is_taken_back_while_it_is_under_way_shows_what_the_machine_did(
    world: World, *, kill: bool
) -> None:
    dispatch = world.dispatchers[0]
    assert dispatch is not None
    world.stop_at(dispatch, Point.PUBACK, 1, kill=kill)
    given = world.give(world.real, "start_cleaning")
    world.run(0.04)  # published, and not yet marked
    assert states(world)[given] == State.QUEUED
    world.cancel(world.given[0])
    assert states(world)[given] == State.CANCELLED
    end(world)
    assert len(world.real.deeds) == 1
    assert states(world)[given] == State.SUCCEEDED


@pytest.mark.parametrize("point", [Point.PUBLISH, Point.PUBACK])
def test_no_status_proves_a_start_of_which_nobody_knows_whether_it_went_out(world: World, point: Point) -> None:
    world.give(world.bare, "start_cleaning")
    world.run(5)
    dispatch = world.dispatchers[0]
    assert dispatch is not None
    world.stop_at(dispatch, point, 1, kill=True)
    given = world.give(world.bare, "reset")
    world.run(0.5)
    assert states(world)[given] == State.SENT
    world.start_dispatcher(0)
    world.run(15)
    # It stands still for a reason of its own.
    world.bare.kill()
    world.bare.start()
    end(world)
    assert states(world)[given] == State.UNCONFIRMED
    assert any(command.id == given for command in world.bare.did) is (point is Point.PUBACK)


def deed(command_id: str, command: str, **more: object) -> Deed:
    return Deed(Command(command, {}, command_id, **more), 5, 1_000, synchronised=True)  # type: ignore[arg-type]  # as given


@pytest.mark.parametrize(
    ("before", "now", "wrong"),
    [
        ([deed(OLD, "resume")], deed(OLD, "resume"), "twice"),
        ([deed(NEW, "return_to_dock")], deed(OLD, "resume"), "newer stop"),
        ([], deed(OLD, "resume", expires_at_ms=1_000), "after its time"),
        ([], deed(OLD, "resume")._replace(expires_in_s=0), "Message Expiry"),
    ],
)
def test_the_verdict_sees_what_a_drive_must_not_do(world: World, before: list[Deed], now: Deed, wrong: str) -> None:
    world.verdict.real_did(before, now)
    with pytest.raises(AssertionError, match=wrong):
        world.verdict.check()


def test_the_verdict_lets_a_stop_be_repeated(world: World) -> None:
    world.verdict.real_did([deed(OLD, "stop_cleaning")], deed(OLD, "stop_cleaning"))
    world.verdict.check()
