"""The socket that heals, in a network of our own and in no time."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.app.net.errors import Away, Why
from sunsweep.app.net.repeats import Repeats
from sunsweep.app.net.stream import MOST_TRIES, Link
from tests.app.net.network import EPOCH_MS, Network, Page, Way, run, telemetry


def test_it_is_live_with_the_first_frame() -> None:
    async def work() -> None:
        page = Page(Network())
        async with page.open():
            await page.until(Link.LIVE, within_s=0.2)
            assert page.said == [Link.CONNECTING, Link.LIVE]
            page.network.say([telemetry(1), telemetry(2)])
            await asyncio.sleep(0.1)
        assert [frame["data"].get("battery") for frame in page.frames] == [None, 1, 2]

    run(work())


def test_a_company_without_machines_is_live_too() -> None:
    async def work() -> None:
        network = Network()
        network.snapshot = None
        page = Page(network)
        async with page.open():
            await page.until(Link.LIVE, within_s=2)

    run(work())


@given(
    seed=st.integers(0, 2**32),
    cut_s=st.floats(0, 10),
    outage_s=st.floats(7.6, 30),
    way=st.sampled_from([Way.SILENT, Way.DOWN]),
)
def test_an_outage_is_said_soon_and_heals_within_3_s(seed: int, cut_s: float, outage_s: float, way: Way) -> None:
    async def work() -> None:
        page = Page(network := Network(), seed=seed)
        async with page.open():
            await page.until(Link.LIVE, within_s=1)
            await asyncio.sleep(cut_s)
            cut_at_s = page.time()
            network.be(way)
            lost_s = await page.until(Link.LOST, within_s=7.6)
            assert lost_s - cut_at_s <= 7.1
            await asyncio.sleep(max(0.0, cut_at_s + outage_s - page.time()))
            assert page.stream.link is Link.LOST
            network.be(Way.UP)
            await page.until(Link.LIVE, within_s=3)
            network.say(telemetry(1))
            await asyncio.sleep(0.1)
            assert page.frames[-1]["data"]["battery"] == 1
            assert len(network.sockets) == 1

    run(work())


@given(seed=st.integers(0, 2**32), cut_s=st.floats(0, 10), outage_s=st.floats(0.1, 7.5))
def test_a_short_silence_leaves_no_dead_socket_behind(seed: int, cut_s: float, outage_s: float) -> None:
    """A page that was cut off unnoticed gets a new socket at the latest when the old one has been silent too long."""

    async def work() -> None:
        page = Page(network := Network(), seed=seed)
        async with page.open():
            await page.until(Link.LIVE, within_s=1)
            await asyncio.sleep(cut_s)
            network.be(Way.SILENT)
            await asyncio.sleep(outage_s)
            network.be(Way.UP)
            await asyncio.sleep(70)
            network.say(telemetry(1))
            await asyncio.sleep(0.1)
            assert page.frames[-1]["data"] == telemetry(1)["data"]

    run(work())


def test_an_outage_of_a_few_seconds_replaces_the_socket_at_once() -> None:
    async def work() -> None:
        page = Page(network := Network())
        async with page.open():
            await page.until(Link.LIVE, within_s=1)
            network.say(telemetry(1))
            network.be(Way.SILENT)
            await asyncio.sleep(3.5)
            network.be(Way.UP)
            await asyncio.sleep(3)
            assert len(network.urls) == 2
            assert not network.sockets[0].is_dead
            assert page.said == [Link.CONNECTING, Link.LIVE]

    run(work())


def test_machines_that_have_nothing_to_say_are_no_outage() -> None:
    async def work() -> None:
        page = Page(network := Network())
        async with page.open():
            await asyncio.sleep(600)
        assert page.said == [Link.CONNECTING, Link.LIVE]
        assert 8 <= len(network.urls) <= 11
        assert network.probes <= 155

    run(work())


def test_while_frames_come_nobody_is_asked() -> None:
    async def work() -> None:
        page = Page(network := Network())
        async with page.open():
            await page.until(Link.LIVE, within_s=1)
            for n in range(100):
                network.say(telemetry(n))
                await asyncio.sleep(1)
        assert network.probes == 0
        assert len(network.urls) == 1

    run(work())


def test_a_handshake_that_takes_long_is_waited_for() -> None:
    async def work() -> None:
        network = Network()
        network.handshake_s = 9
        page = Page(network)
        async with page.open():
            assert await page.until(Link.LIVE, within_s=11) <= page.links[0][0] + 9.1

    run(work())


def test_a_long_outage_is_asked_about_ever_more_rarely_and_never_by_many() -> None:
    async def work() -> None:
        page = Page(network := Network())
        network.be(Way.SILENT)
        async with page.open():
            await asyncio.sleep(60)
            assert 30 <= len(network.tried_s) <= 120
            await asyncio.sleep(60)
            before = len(network.tried_s)
            await asyncio.sleep(600)
            assert 60 <= len(network.tried_s) - before <= 240
            spans = [at - network.tried_s[i] for i, at in enumerate(network.tried_s[MOST_TRIES:])]
            assert min(spans[10:]) > 0
            network.be(Way.UP)
            page.stream.wake()
            await page.until(Link.LIVE, within_s=0.1)

    run(work())


@pytest.mark.parametrize("code", [4403, 4408, 1008])
def test_a_no_is_an_end(code: int) -> None:
    async def work() -> None:
        network = Network()
        network.refusals = [code]
        page = Page(network)
        async with page.open() as running:
            assert await running == code
        assert page.said == [Link.CONNECTING, Link.ENDED]
        assert page.stream.code == code

    run(work())


def test_a_login_that_ran_out_is_renewed_once() -> None:
    async def work() -> None:
        network = Network()
        network.refusals = [4401]
        page = Page(network)
        page.renewals = [True]
        async with page.open() as running:
            await page.until(Link.LIVE, within_s=1)
            assert page.said == [Link.CONNECTING, Link.LIVE]
            network.refusals = [4401, 4401]
            page.renewals = [True]
            network.sockets[0].end(1006)
            assert await running == 4401
        assert page.said[-1] is Link.ENDED

    run(work())


def test_a_login_that_has_ended_is_an_end() -> None:
    async def work() -> None:
        network = Network()
        network.refusals = [4401]
        page = Page(network)
        page.renewals = [False]
        async with page.open() as running:
            assert await running == 4401

    run(work())


def test_a_server_that_cannot_renew_now_does_not_end_the_login() -> None:
    async def work() -> None:
        network = Network()
        network.refusals = [4401]
        page = Page(network)
        page.renewals = [Away(Why.NETWORK), Away(Why.BUSY), True]
        async with page.open():
            await page.until(Link.LIVE, within_s=5)
        assert page.said == [Link.CONNECTING, Link.LOST, Link.LIVE]

    run(work())


def test_a_server_without_its_database_is_not_asked_in_a_storm() -> None:
    async def work() -> None:
        network = Network()
        network.refusals = [1013] * 1000
        page = Page(network)
        async with page.open():
            await asyncio.sleep(60)
            assert 20 <= len(network.urls) <= 120
            assert page.stream.link is Link.LOST
            network.refusals = []
            await page.until(Link.LIVE, within_s=3)

    run(work())


def test_it_goes_on_from_the_newest_sample_and_shows_none_twice() -> None:
    async def work() -> None:
        page = Page(network := Network(), repeats=Repeats())
        async with page.open():
            await page.until(Link.LIVE, within_s=1)
            network.say(telemetry(1, ts="2027-01-15T07:59:01.000Z"), telemetry(2, ts="2027-01-15T07:59:31.000Z"))
            await asyncio.sleep(0.1)
            network.sockets[0].end(1006)
            await page.until(Link.LOST, within_s=1)
            await page.until(Link.LIVE, within_s=3)
            network.say(telemetry(2, ts="2027-01-15T07:59:31.000Z"), telemetry(3, ts="2027-01-15T08:03:00.000Z"))
            await asyncio.sleep(0.1)
            network.sockets[0].end(1006)
            await page.until(Link.LOST, within_s=1)
            await page.until(Link.LIVE, within_s=3)
        shown = [frame["data"]["battery"] for frame in page.frames if frame["type"] == "telemetry"]
        assert shown == [1, 2, 3]
        snapshot_ms = EPOCH_MS
        assert network.urls[0].endswith("since=None")
        # The snapshot, of a machine without a sample, is younger than these; what is ahead of the clock is cut to now.
        assert [url.rsplit("=", 1)[1] for url in network.urls[1:]] == [str(snapshot_ms)] * 2

    run(work())
