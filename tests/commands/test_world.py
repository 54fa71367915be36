"""The world itself: that things happen in it as they do outside, and that its verdict is not blind."""

from tests.commands.conftest import NewWorld


def test_a_start_and_a_stop_go_their_way_on_both_machines(new_world: NewWorld) -> None:
    world = new_world()
    world.heal()
    world.run(5)
    for slot in world.slots.values():
        start = world.give(slot, "start_cleaning")
        world.run(5)
        stop = world.give(slot, "stop_cleaning")
        world.run(5)
        states = {row.id: row.state for row in world.rows()}
        print(states[start], states[stop])
    world.run(60)
    print([(row.command, row.state, row.reason) for row in world.rows()])
    world.verdict.check()
    print(world.real.body.calls, world.bare.did)
    world.close()
