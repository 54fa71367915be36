"""A process that sends commands is stopped by its system, another takes over, and then it is woken."""

from pathlib import Path

from tests.support.dispatching import as_value, bare, becomes, command, dispatcher, give, online
from tests.support.paused_dispatch import pausing_dispatch
from tests.support.platform import Platform, eventually

SERIAL = "SCM-1"


async def test_woken_after_its_lease_it_sets_nothing_moving(on_both: Platform, tmp_path: Path) -> None:
    platform = on_both
    login = await platform.add_machine(SERIAL)
    async with bare(platform, login) as machine:
        await online(platform, machine, SERIAL)
        async with pausing_dispatch(platform.settings, tmp_path) as first:
            start = await give(platform, SERIAL, "start_cleaning")
            await first.stands_still()
            # It had marked the start, and was about to publish it.
            assert (await command(platform, SERIAL, start))["state"] == "sent"
            async with dispatcher(platform) as second:
                await eventually(lambda: as_value(second._lease.held), within_s=20)
                stop = await give(platform, SERIAL, "stop_cleaning")
                await becomes(platform, SERIAL, stop, "sent")
                await first.goes_on()
                # What the first one wrote, if anything, has reached the machine before this does.
                last = await give(platform, SERIAL, "stop_cleaning")
                await eventually(lambda: as_value(last in machine.ids))
    assert start not in machine.ids
