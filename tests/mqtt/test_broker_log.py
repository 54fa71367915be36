"""Mosquitto's words, and what we make of them."""

import asyncio
import logging
from pathlib import Path

import pytest

from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.mqtt.local_broker.log import BrokerLog
from sunsweep.mqtt.local_broker.refusals import RefusedLogins
from sunsweep.mqtt.outage import Outage
from tests.support import mosquitto
from tests.support.broker import EVERYBODY, HOST, PASSWORD, connected, settings_for, until
from tests.support.ports import free_port

REFUSED = "Client <unknown> disconnected, not authorised."


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name.endswith("refusals")]


@pytest.mark.parametrize(
    "who",
    [
        {},
        {"username": "machine-a", "password": "wrong"},
        {"username": "unknown", "password": PASSWORD},
        {"username": "machine-a"},
    ],
    ids=["anonymous", "wrong password", "unknown user", "no password"],
)
@pytest.mark.parametrize("version", ["311", "5"])
async def test_a_refused_login_is_one_warning_with_the_address(
    broker: LocalBroker, caplog: pytest.LogCaptureFixture, who: dict[str, str], version: str
) -> None:
    async with connected(settings_for(broker.port, "machine-a")):
        await mosquitto.publish(broker.port, "a", "x", "-V", version, "-i", "named", **who)
        await until(lambda: refusals(caplog))
    assert refusals(caplog) == ["the broker refused a login from 127.0.0.1 (wrong or unknown username or password)"]
    assert caplog.records[0].levelno == logging.WARNING


async def test_a_storm_of_one_address_is_counted(broker: LocalBroker, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        await mosquitto.publish(broker.port, "a", "x", "-u", "nobody")
    await broker.stop()
    assert [line.partition(" (")[0] for line in refusals(caplog)] == [
        "the broker refused a login from 127.0.0.1",
        "the broker refused 4 further logins from 127.0.0.1",
    ]


async def test_the_count_is_told_when_the_window_ends(caplog: pytest.LogCaptureFixture) -> None:
    refused = RefusedLogins(window_s=0.05)
    refused.seen("a")
    refused.seen("a")
    refused.seen("b")
    await until(lambda: "1 further logins from a" in caplog.text)
    refused.seen("a")
    assert [line[:39] for line in refusals(caplog)].count("the broker refused a login from a (wron") == 2
    refused.close()


async def test_addresses_without_number_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    refused = RefusedLogins()
    for number in range(5000):
        refused.seen(f"address-{number}")
    refused.close()
    assert len(refusals(caplog)) < 1010
    assert "3999 further logins from many other addresses" in caplog.text


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def test_where_several_are_undecided_all_are_named(caplog: pytest.LogCaptureFixture) -> None:
    clock, refused = Clock(), RefusedLogins()
    log = BrokerLog(refused, monotonic_s=clock)
    for line in (
        "New connection from 10.0.0.1:50001 on port 1883.",
        "New connection from 10.0.0.2:50002 on port 1883.",
        "New connection from ::1:50003 on port 1883.",
        "New client connected from 10.0.0.1:50001 as x (p2, c1, k60, u'x').",
        REFUSED,
    ):
        log.line(line)
    clock.now_s = 11
    log.line("New connection from 10.0.0.4:50004 on port 1883.")
    log.line(REFUSED)
    log.line(REFUSED)
    refused.close()
    assert [line.removeprefix("the broker refused a login from ").partition(" (")[0] for line in refusals(caplog)] == [
        "10.0.0.2 or ::1",
        "10.0.0.4",
        "an unknown address",
    ]


async def test_levels_follow_what_it_means(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    log = BrokerLog(RefusedLogins())
    for line in (
        "Error: Unable to open file.",
        "Warning: Unable to drop privileges.",
        "Warning: Mosquitto should not be run as root/administrator.",
        "Outgoing messages are being dropped for client x.",
        "Client x has exceeded timeout, disconnecting.",
    ):
        log.line(line)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "DEBUG", "WARNING", "DEBUG"]


async def test_the_first_bytes_of_another_protocol_are_no_refused_login(
    broker: LocalBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sunsweep.mqtt.local_broker.log")
    for data in (b"", b"GET / HTTP/1.1\r\n\r\n"):
        _, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        writer.write(data)
        await writer.drain()
        writer.close()
    # One more may be that of the start, which ends with a connection of its own.
    await until(lambda: caplog.text.count("Client <unknown>") >= 2)
    assert refusals(caplog) == []


def test_an_outage_is_told_once_and_measured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clock = Clock()
    outage = Outage(logging.getLogger("test"), monotonic_s=clock)
    outage.over("connected again")
    for reason in ("refused", "refused", "lost", "refused"):
        outage.failed(reason)
    clock.now_s = 12.34
    outage.over("connected again")
    outage.failed("refused")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "refused"),
        ("DEBUG", "refused"),
        ("WARNING", "lost"),
        ("DEBUG", "refused"),
        ("INFO", "connected again after 12.3 s"),
        ("WARNING", "refused"),
    ]


async def let_in(tmp_path: Path, *clientids: str) -> list[str]:
    """Whom a real broker's log names when `machine-a` comes with these clientids."""
    named: list[str] = []
    broker = LocalBroker(tmp_path, host=HOST, port=free_port(), on_connected=named.append)
    await broker.start(EVERYBODY)
    try:
        for client_id in clientids:
            async with connected(settings_for(broker.port, "machine-a", client_id=client_id)):
                pass
        # The last line is here once the next one is.
        async with connected(settings_for(broker.port, "machine-b")):
            await until(lambda: "machine-b" in named)
    finally:
        await broker.stop()
    return named[:-1]


async def test_the_log_names_whom_the_broker_has_let_in(tmp_path: Path) -> None:
    assert await let_in(tmp_path, "", "a (b), c") == ["machine-a", "machine-a"]


async def test_a_clientid_cannot_name_somebody_else(tmp_path: Path) -> None:
    forged = "x (p2, c1, k60, u'machine-b')."
    # Padded so that mosquitto cuts its own end off, whatever the length of the address and port is.
    cut = [f"{'x' * pad}{forged}" for pad in range(915, 940)]
    assert await let_in(tmp_path, forged, f"{forged} y", *cut) == []
