"""However `sunsweep up` is ended, and whenever: nothing stays behind, and the next start goes on."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.support.command import Site, running

# The banner comes after two seconds or so: these fall into the imports and into the start.
WHILE_STARTING_S = (0.3, 1.6, 2.1)
AT_ANY_TIME_S = tuple(step / 10 for step in range(2, 41, 2))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "data")


async def test_ctrl_c_while_it_starts_is_quiet_and_spoils_nothing(site: Site) -> None:
    await interrupted(site, WHILE_STARTING_S)


@pytest.mark.prove
async def test_ctrl_c_at_any_moment_is_quiet_and_spoils_nothing(site: Site) -> None:
    await interrupted(site, AT_ANY_TIME_S)


async def interrupted(site: Site, delays_s: Sequence[float]) -> None:
    for number, delay_s in enumerate(delays_s):
        async with running(*site.words("--machines", "2")) as program:
            # The moment is what is tried here; no outcome hangs on it.
            await asyncio.sleep(delay_s)
            ended = await program.told(signal.SIGINT, group=bool(number % 2))
        assert ended.code in {0, 130}
        assert ended.err == ""
        await site.nothing_is_left()
    async with site.up("--machines", "2") as program:
        assert await site.first_frame("SUN-0002")
        assert (await program.told(signal.SIGTERM)).code == 0


async def test_viewers_do_not_hold_it_up_and_are_told(site: Site) -> None:
    async with site.up("--machines", "1") as program:
        url = f"ws://127.0.0.1:{site.port}/realtime/SUN-0001?token={await site.token()}"
        async with connect(url, proxy=None) as watching, connect(url, proxy=None) as silent:
            await watching.recv()
            await silent.recv()
            assert (await program.told(signal.SIGINT, group=True)).code == 0
        assert program.err == ""
    await site.nothing_is_left()


async def test_a_second_ctrl_c_means_now(site: Site) -> None:
    async with site.up("--machines", "2") as program:
        program.process.send_signal(signal.SIGINT)
        program.process.send_signal(signal.SIGINT)
        ended = await program.ended(within_s=2)
        assert ended.code in {0, 130}
        assert "Traceback" not in ended.err
    await site.nothing_is_left()


async def test_killed_it_takes_broker_and_simulator_along_and_starts_again_at_once(site: Site) -> None:
    async with site.up("--machines", "2") as program:
        await site.first_frame("SUN-0001")
        passwords = site.passwords()
        program.process.kill()
        await program.process.wait()
    async with site.up("--machines", "2") as program:
        assert site.passwords() == passwords
        await site.first_frame("SUN-0002")
        assert len([one for one in site.processes() if "mosquitto" in one.name()]) == 1
        program.process.kill()
        await program.process.wait()
    await site.nothing_is_left()
