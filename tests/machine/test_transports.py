"""The machine on each of its transports, through a proxy, with certificates, and where some ways are blocked."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import json

from sunsweep.machine import connection
from sunsweep.machine.backoff import Pace
from sunsweep.machine.routes import FILE
from tests.machine.broker import Broker, free_port
from tests.machine.conftest import PASSWORD, SERIAL, USER, Running
from tests.machine.cutter import cutting
from tests.machine.observer import is_sample, observing
from tests.support.authority import Authority, Pair
from tests.support.broker import until
from tests.support.door import door_to
from tests.support.http_proxy import http_proxy


class Site(NamedTuple):
    broker: Broker
    authority: Authority
    urls: dict[str, str]


def listener(port: int, authority: Authority, pair: Pair, more: str = "") -> str:
    return f"listener {port} 127.0.0.1\ncafile {authority.file}\ncertfile {pair.cert}\nkeyfile {pair.key}\n{more}"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """One broker behind every transport; `strict` wants a client certificate."""
    authority = Authority(tmp_path)
    good = authority.sign("broker")
    pairs = {
        "mqtts": good,
        "strict": good,
        "expired": authority.sign("expired", days=-1),
        "elsewhere": authority.sign("elsewhere", address=None, host="elsewhere.example"),
    }
    broker = Broker(tmp_path, [(USER, PASSWORD, SERIAL)])
    urls = {"mqtt": broker.url}
    for name, pair in pairs.items():
        port = free_port()
        urls[name] = f"mqtts://127.0.0.1:{port}"
        more = "require_certificate true\n" if name == "strict" else ""
        broker.more_listeners += listener(port, authority, pair, more)
    await broker.prepare()
    try:
        await broker.start()
        async with door_to(broker.port) as plain, door_to(broker.port, tls=good) as secure:
            urls |= {"ws": plain.url, "wss": f"wss://127.0.0.1:{secure.port}/mqtt"}
            yield Site(broker, authority, urls)
    finally:
        await broker.stop()


@pytest.fixture
def broker(site: Site) -> Broker:
    return site.broker


@pytest.mark.parametrize("transport", ["mqtt", "mqtts", "ws", "wss"])
async def test_the_url_alone_chooses_the_transport(site: Site, running: Running, transport: str) -> None:
    ca_file = str(site.authority.file)
    async with observing(site.broker) as observer, running(broker=site.urls[transport], ca_file=ca_file) as machine:
        await observer.until(lambda heard: heard.body.stamp.seq >= 5)
        await until(lambda: machine.outbox.counts.stored >= 5)


@pytest.mark.parametrize("transport", ["mqtt", "mqtts", "ws", "wss"])
async def test_each_goes_through_the_sites_proxy(site: Site, running: Running, transport: str) -> None:
    url = site.urls[transport]
    async with observing(site.broker) as observer, http_proxy("site:p@ss word") as proxy:
        way = f"http://site:p%40ss%20word@127.0.0.1:{proxy.port}"
        async with running(broker=url, ca_file=str(site.authority.file), http_proxy=way):
            await observer.until(is_sample)
        assert proxy.asked == [url.split("/")[2]]


async def test_what_the_proxy_says_is_said(site: Site, running: Running, caplog: pytest.LogCaptureFixture) -> None:
    async with http_proxy("site:secret") as proxy:
        way = f"http://site:wrong@127.0.0.1:{proxy.port}"
        async with running(broker=site.urls["mqtt"], http_proxy=way):
            await until(lambda: "wants another user name and password (407)" in caplog.text)
        async with running(broker=f"mqtt://127.0.0.1:{free_port()}", http_proxy=way.replace("wrong", "secret")):
            await until(lambda: "does not connect us (502 Bad Gateway)" in caplog.text)
    assert "secret" not in caplog.text
    async with running(broker=site.urls["mqtt"], http_proxy=f"http://127.0.0.1:{site.broker.port}"):
        await until(lambda: f"the proxy 127.0.0.1:{site.broker.port} does not answer" in caplog.text)


@pytest.mark.parametrize(
    ("name", "trusted", "words"),
    [
        ("mqtts", False, "does not know the authority that signed its certificate"),
        ("wss", False, "does not know the authority that signed its certificate"),
        ("expired", True, "its certificate has expired, or this machine's clock is wrong (20"),
        ("elsewhere", True, "its certificate is not for 127.0.0.1"),
        ("strict", True, "it may want a client certificate, or another one"),
    ],
)
async def test_trouble_with_certificates_is_said_plainly_and_once(
    site: Site, running: Running, caplog: pytest.LogCaptureFixture, name: str, *, trusted: bool, words: str
) -> None:
    caplog.set_level(logging.DEBUG, "sunsweep.machine.link")
    async with running(broker=site.urls[name], ca_file=str(site.authority.file) if trusted else None):
        await until(lambda: caplog.text.count("no connection to") >= 4)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1
    assert words in said[0]


async def test_tls_with_what_speaks_none_is_said(
    site: Site, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(broker=f"mqtts://127.0.0.1:{site.broker.port}", ca_file=str(site.authority.file)):
        await until(lambda: "no TLS with what answers there" in caplog.text)
    async with running(broker=f"{site.urls['ws']}/nowhere"):
        await until(lambda: "does not speak MQTT over WebSocket at /mqtt/nowhere" in caplog.text)


async def test_a_client_certificate_opens_where_one_is_asked_for(site: Site, running: Running) -> None:
    mine = site.authority.sign("scm-1", address=None)
    files = {"client_cert_file": str(mine.cert), "client_key_file": str(mine.key)}
    files["ca_file"] = str(site.authority.file)
    async with observing(site.broker) as observer, running(broker=site.urls["strict"], **files):
        await observer.until(is_sample)


async def test_a_strangers_client_certificate_opens_nothing(
    site: Site, running: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = Authority(tmp_path, "foreign").sign("stranger", address=None)
    files = {"client_cert_file": str(foreign.cert), "client_key_file": str(foreign.key)}
    async with running(broker=site.urls["strict"], ca_file=str(site.authority.file), **files):
        await until(lambda: "no connection to" in caplog.text)
    assert "connected to" not in caplog.text


@asynccontextmanager
async def closing_at_once(port: int = 0) -> AsyncIterator[list[int]]:
    """It answers and serves nobody; its port, and one more entry for each who came."""
    came: list[int] = []

    def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(port)
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", port)
    came.append(server.sockets[0].getsockname()[1])
    try:
        yield came
    finally:
        server.close()
        await server.wait_closed()


async def test_where_one_way_is_blocked_the_next_is_taken_and_remembered(
    site: Site, running: Running, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    async with observing(site.broker) as observer, closing_at_once() as came:
        urls = [f"mqtt://127.0.0.1:{free_port()}", f"mqtt://127.0.0.1:{came[0]}", site.urls["ws"], site.urls["mqtt"]]
        async with running(broker=urls, state_dir=str(state)):
            await observer.until(is_sample)
        assert len(came) == 2
        await until((state / FILE).exists)
        assert json.decode((state / FILE).read_bytes()) == {"url": site.urls["ws"]}
        seen = len(observer.heard)
        async with running(broker=urls, state_dir=str(state)):
            await observer.until(is_sample, after=seen)
        assert len(came) == 2, "what works was not tried first"


@asynccontextmanager
async def saying_nothing() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Its port, and that somebody came."""
    met = asyncio.Event()
    silent: list[asyncio.StreamWriter] = []

    def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.append(writer)
        met.set()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], met
    finally:
        for writer in silent:
            writer.close()
        server.close()
        await server.wait_closed()


async def test_a_port_that_says_nothing_is_given_up_for_the_next(
    site: Site, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "TIMEOUT_S", 2.0)
    async with (
        saying_nothing() as (port, met),
        observing(site.broker) as observer,
        running(broker=[f"ws://127.0.0.1:{port}", site.urls["mqtt"]]),
    ):
        await asyncio.wait_for(met.wait(), 5)
        await observer.until(is_sample, within_s=20)


async def test_it_returns_to_the_better_way_only_once_that_answers(
    site: Site, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sunsweep.machine.link")
    better = free_port()
    pace = Pace(first_s=0.1, longest_s=0.3, better_after_s=0.1)
    async with observing(site.broker) as observer, cutting(site.broker.port) as lesser:
        urls = [f"ws://127.0.0.1:{better}", f"mqtt://127.0.0.1:{lesser.port}"]
        async with running(broker=urls, pace=pace) as machine:
            await observer.until(is_sample)
            await until(lambda: caplog.text.count("is still no way") >= 3)
            assert lesser.connections == 1, "what works was let go"
            async with relayed(better, int(site.urls["ws"].split(":")[2].split("/")[0])):
                await until(lambda: f"connected to ws://127.0.0.1:{better}/mqtt" in caplog.text)
                last = machine.outbox.last_seq
                await observer.until(lambda heard: heard.body.stamp.seq > last)
                assert lesser.connections == 1
                assert observer.statuses[-1].session == (machine.outbox.boot, 2)


@asynccontextmanager
async def relayed(port: int, target: int) -> AsyncIterator[None]:
    async with cutting(target) as cutter:
        server = await asyncio.start_server(cutter.relay, "127.0.0.1", port)
        try:
            yield
        finally:
            server.close()
            cutter.cut()
            await server.wait_closed()


async def test_a_better_way_that_answers_and_does_not_serve_costs_a_short_absence_ever_more_seldom(
    site: Site, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sunsweep.machine.link")
    pace = Pace(first_s=0.02, longest_s=0.05, better_after_s=0.2)
    async with observing(site.broker) as observer, closing_at_once() as came:
        urls = [f"mqtt://127.0.0.1:{came[0]}", site.urls["mqtt"]]
        async with running(broker=urls, pace=pace) as machine:
            await until(lambda: caplog.text.count("answers again; leaving") >= 3)
            last = machine.outbox.last_seq
            await observer.until(lambda heard: heard.body.stamp.seq > last)
    left = [record.created for record in caplog.records if "leaving" in record.getMessage()]
    assert left[2] - left[1] > left[1] - left[0]
    assert left[2] - left[1] > 4 * pace.better_after_s


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts", "ws", "wss"])
async def test_a_silent_way_does_not_keep_the_program_from_ending(running: Running, scheme: str) -> None:
    async with saying_nothing() as (port, met), asyncio.timeout(5), running(broker=f"{scheme}://127.0.0.1:{port}"):
        await met.wait()
