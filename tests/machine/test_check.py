"""`sunsweep-machine check`: each trouble is named, in plain words."""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import mqtt5
import pytest

from sunsweep.machine.check import examine
from sunsweep.machine.config import MachineConfig, load_config
from sunsweep.machine.findings import Finding, Level
from sunsweep.machine.look_outside import look_along
from sunsweep.machine.ports import Clock, Hardware
from sunsweep.machine.remote_settings import RemoteSettings
from tests.machine.broker import Broker, free_port
from tests.machine.conftest import PASSWORD, SERIAL, USER, Running
from tests.machine.fakes import FakeBody, FakeClock
from tests.machine.observer import is_sample, observing
from tests.machine.web import self_signed
from tests.support.fake_broker import WELCOME, fake_broker, packet_from
from tests.support.http_proxy import http_proxy


def write(folder: Path, *urls: str, password: str = PASSWORD, serial: str = SERIAL, more: str = "") -> Path:
    file = folder / "machine.toml"
    brokers = ", ".join(f'"{url}"' for url in urls)
    file.write_text(
        f'broker = [{brokers}]\ncompany_id = 1\nmachine_id = "{serial}"\nmqtt_username = "{USER}"\n'
        f'mqtt_password = "{password}"\n{more}\n'
    )
    file.chmod(0o600)
    return file


async def found(file: Path, body: FakeBody | None = None, clock: Clock | None = None) -> list[Finding]:
    standing = body or FakeBody()

    def embodied(_: MachineConfig) -> Hardware:
        return Hardware(standing, standing)

    return [finding async for finding in examine(file, embodied, clock or FakeClock(), server=None)]


def of(findings: list[Finding], level: Level) -> str:
    return "\n".join(str(finding) for finding in findings if finding.level is level)


async def test_where_all_is_well_nothing_is_to_be_mended(broker: Broker, tmp_path: Path) -> None:
    findings = await found(write(tmp_path, broker.url, more=f'state_dir = "{tmp_path}"'))
    assert of(findings, Level.FAIL) + of(findings, Level.WARN) == ""
    well = of(findings, Level.OK)
    for words in (
        "machine scm-1 of company 1",
        "battery 13.3 V",
        "synchronised",
        "MiB are free",
        f"the broker knows {USER}",
    ):
        assert words in well
    assert "other machines' topics are closed to it" in well
    assert "what it says on its own topics arrives" in well


async def test_the_running_program_keeps_its_connection(broker: Broker, running: Running, tmp_path: Path) -> None:
    async with observing(broker) as observer, running() as machine:
        await observer.until(is_sample)
        before = observer.statuses[0].session
        assert of(await found(write(tmp_path, broker.url)), Level.FAIL) == ""
        sample = len(observer.heard)
        await observer.until(is_sample, after=sample)
        assert not [status for status in observer.statuses if status.status == "offline"]
        assert {status.session for status in observer.statuses if status.session} == {before}
        assert machine.outbox.boot == (before or (0, 0))[0]


async def test_a_wrong_password_is_told_from_a_broken_network(broker: Broker, tmp_path: Path) -> None:
    failures = of(await found(write(tmp_path, broker.url, password="wrong")), Level.FAIL)
    assert f"the broker refuses {USER}: wrong password, or the machine is disabled" in failures
    assert failures.count("\n") == 0


async def test_a_wrong_serial_number_is_noticed(broker: Broker, tmp_path: Path) -> None:
    failures = of(await found(write(tmp_path, broker.url, serial="scm-2")), Level.FAIL)
    assert "company/1/machine/scm-2" in failures


async def test_a_refused_port_is_a_warning_while_another_way_is_open(broker: Broker, tmp_path: Path) -> None:
    closed = f"ws://127.0.0.1:{free_port()}"
    findings = await found(write(tmp_path, closed, broker.url))
    assert of(findings, Level.FAIL) == ""
    assert "nothing listens there" in of(findings, Level.WARN)
    assert f"this network lets through mqtt://127.0.0.1:{broker.port}" in of(findings, Level.OK)
    failures = of(await found(write(tmp_path, closed)), Level.FAIL)
    assert "no broker can be reached from here" in failures


async def test_a_name_that_nobody_knows(tmp_path: Path) -> None:
    failures = of(await found(write(tmp_path, "mqtt://broker.invalid")), Level.FAIL)
    assert "nobody knows this name" in failures


async def test_silent_sensors_a_clock_astray_and_an_open_file_are_named(broker: Broker, tmp_path: Path) -> None:
    file, body, clock = write(tmp_path, broker.url, more='state_dir = "/proc/nowhere"'), FakeBody(), FakeClock()
    file.chmod(0o644)
    body.broken_sensors = True
    clock.synchronised = False
    findings = await found(file, body, clock)
    assert "no answer on the bus" in of(findings, Level.FAIL)
    assert "/proc/nowhere cannot be written" in of(findings, Level.FAIL)
    assert "chmod 600" in of(findings, Level.WARN)
    assert "not synchronised" in of(findings, Level.WARN)


async def test_a_file_that_cannot_be_used_ends_the_check(tmp_path: Path) -> None:
    (finding,) = await found(tmp_path / "none.toml")
    assert finding.level is Level.FAIL
    assert "No such file" in finding.words


@pytest.fixture
async def websocket_port(tmp_path: Path, answer: bytes, days: float | None) -> AsyncIterator[int]:
    """Answers every request so, over TLS where `days` says how long its certificate is good."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        host = "Host: {}:{}".format(*writer.get_extra_info("sockname"))
        (key,) = (line.partition(": ")[2] for line in head if line.lower().startswith("sec-websocket-key"))
        writer.write(answer % accept(key) if host in head else b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    tls = None if days is None else self_signed(tmp_path, days=days).context
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def accept(key: str) -> bytes:
    """RFC 6455, section 4.2.2."""
    return base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())


GOOD_ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)
NO_WEBSOCKET = "it does not speak MQTT over WebSocket at /mqtt"


@pytest.mark.parametrize(
    ("answer", "days", "words"),
    [
        (b"HTTP/1.1 403 Forbidden (%b)\r\n\r\n", None, NO_WEBSOCKET),
        (GOOD_ANSWER.replace(b"%b", b"of another key %b"), None, NO_WEBSOCKET),
        (b"%.0b", None, NO_WEBSOCKET),
        (GOOD_ANSWER, -1, "certificate has expired"),
        (GOOD_ANSWER, 10.5, "good for 10 days more"),
    ],
)
async def test_each_step_to_a_websocket_has_its_words(
    websocket_port: int, tmp_path: Path, answer: bytes, days: float | None, words: str
) -> None:
    scheme, ca = ("ws", "") if days is None else ("wss", f'ca_file = "{tmp_path / "server.pem"}"')
    file = write(tmp_path, f"{scheme}://127.0.0.1:{websocket_port}", more=ca)
    config = await asyncio.to_thread(load_config, file)
    way = await look_along(config, config.endpoints[0], now_ms=int(time.time() * 1000))
    assert words in of(way.findings, Level.FAIL) + of(way.findings, Level.WARN)
    assert way.open is (answer is GOOD_ANSWER and days is not None and days > 0)


async def test_it_goes_through_the_sites_proxy(broker: Broker, tmp_path: Path) -> None:
    async with http_proxy("site:secret") as proxy:
        way = 'http_proxy = "http://site:{}@127.0.0.1:{}"'
        findings = await found(write(tmp_path, broker.url, more=way.format("secret", proxy.port)))
        assert of(findings, Level.FAIL) == ""
        assert broker.url.partition("://")[2] in proxy.asked
        findings = await found(write(tmp_path, broker.url, more=way.format("wrong", proxy.port)))
        assert f"the proxy 127.0.0.1:{proxy.port} wants another user name and password" in of(findings, Level.FAIL)


async def test_a_certificate_for_another_name_and_one_of_nobody_known(tmp_path: Path) -> None:
    made = self_signed(tmp_path, name="broker.example")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=made.context)
    url = f"mqtts://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        assert "is not for 127.0.0.1" in of(
            await found(write(tmp_path, url, more=f'ca_file = "{made.cert}"')), Level.FAIL
        )
        assert "does not know the authority" in of(await found(write(tmp_path, url)), Level.FAIL)
    finally:
        server.close()
        await server.wait_closed()


async def test_a_broker_that_hangs_up_on_foreign_topics_has_closed_them(tmp_path: Path) -> None:
    async with fake_broker(emqx) as server:
        findings = await found(write(tmp_path, f"mqtt://127.0.0.1:{server.port}"))
    assert of(findings, Level.FAIL) == ""
    assert "other machines' topics are closed to it" in of(findings, Level.OK)
    assert "what it says on its own topics arrives" in of(findings, Level.OK)


async def emqx(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends the connection of a client that asks for more than its own; says back what it is told."""
    await packet_from(reader)
    writer.write(WELCOME)
    while True:
        match await packet_from(reader):
            case mqtt5.SubscribePacket() as packet:
                if any(f"/machine/{SERIAL}/" not in one.pattern for one in packet.topic_filters):
                    return
                granted = [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE] * len(packet.topic_filters)
                writer.write(mqtt5.SubAckPacket(packet.packet_id, granted).write())
            case mqtt5.UnsubscribePacket() as packet:
                done = [mqtt5.UnsubAckReasonCode.SUCCESS] * len(packet.patterns)
                writer.write(mqtt5.UnsubAckPacket(packet.packet_id, done).write())
            case mqtt5.PublishPacket() as packet:
                assert packet.packet_id is not None
                writer.write(mqtt5.PubAckPacket(packet.packet_id).write())
                writer.write(mqtt5.PublishPacket(packet.topic, payload=packet.payload).write())


async def test_what_was_set_from_afar_is_told_and_counts(broker: Broker, tmp_path: Path) -> None:
    file = write(tmp_path, broker.url, more=f'state_dir = "{tmp_path}"')
    assert "intervals and limits are the file's" in of(await found(file), Level.OK)
    settings = RemoteSettings(await asyncio.to_thread(load_config, file))
    settings.set({"start_battery_v": 14.0, "telemetry_interval_s": 10})
    await settings.keep()
    findings = await found(file)
    told = "set from afar, over the file's: start_battery_v 14, telemetry_interval_s 10"
    assert told in of(findings, Level.OK)
    assert "it would not start cleaning now: battery low: 13.30 V" in of(findings, Level.WARN)
