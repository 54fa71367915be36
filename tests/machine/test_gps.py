"""Positions out of NMEA sentences and gpsd's reports."""

import json
import os
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from sunsweep.machine.drivers.raspberry.chip import Implausible
from sunsweep.machine.drivers.raspberry.gps import FRESH_S, Gps, GpsdStream, SerialStream, position_of_gpsd
from sunsweep.machine.drivers.raspberry.nmea import position_of
from sunsweep.machine.ports import Position
from tests.machine.fakes import FakeClock

MUNICH = b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A"
NO_FIX = b"$GPRMC,123519,V,,,,,,,230394,003.1,W*70"


def sealed(body: bytes) -> bytes:
    checksum = 0
    for byte in body:
        checksum ^= byte
    return b"$%s*%02X" % (body, checksum)


def test_the_well_known_sentence_is_in_munich() -> None:
    assert position_of(MUNICH + b"\r") == Position(48.1173, 11.516667)


def test_south_and_west_are_negative() -> None:
    body = b"GNRMC,101010.00,A,3351.6000,S,07040.2000,W,0.0,,010126,,,A"
    assert position_of(sealed(body)) == Position(-33.86, -70.67)


@pytest.mark.parametrize(
    "sentence",
    [
        MUNICH.replace(b"4807", b"4907"),
        MUNICH[:-3],
        MUNICH.replace(b"*6A", b"*ZZ"),
        sealed(b"GPRMC,123519,V,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W"),
        sealed(b"GPRMC,123519,A,,,,,022.4,084.4,230394,003.1,W"),
        sealed(b"GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"),
        b"\xff\xfe\x00",
        b"",
    ],
)
def test_what_is_garbled_or_no_fix_is_no_position(sentence: bytes) -> None:
    assert position_of(sentence) is None


class FakeGpsd:
    """Speaks as gpsd does on its port: a VERSION at once, reports after ?WATCH."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(5)
        self.port: int = self._server.getsockname()[1]
        self._peer: socket.socket | None = None

    def accept(self) -> None:
        self._peer, _ = self._server.accept()
        self._peer.settimeout(5)
        self._say({"class": "VERSION", "release": "3.22", "proto_major": 3})
        assert self._peer.recv(200).startswith(b"?WATCH=")

    def report(self, **fields: object) -> None:
        self._say({"class": "TPV", "device": "/dev/serial0", **fields})

    def hang_up(self) -> None:
        assert self._peer is not None
        self._peer.close()

    def close(self) -> None:
        if self._peer is not None:
            self._peer.close()
        self._server.close()

    def _say(self, report: dict[str, object]) -> None:
        assert self._peer is not None
        self._peer.sendall(json.dumps(report).encode() + b"\r\n")


@pytest.fixture
def gpsd() -> Iterator[FakeGpsd]:
    server = FakeGpsd()
    yield server
    server.close()


def arrived(gps: Gps) -> Position:
    """What was sent over loopback is there within moments; a read never waits for it."""
    for _ in range(100_000):
        try:
            return gps.read()
        except Implausible:
            continue
    raise AssertionError("nothing arrived")


def until_gone(gps: Gps) -> None:
    for _ in range(100_000):
        gps.read()


def test_gpsd_is_watched_over_one_connection(gpsd: FakeGpsd) -> None:
    clock = FakeClock()
    stream = GpsdStream("127.0.0.1", gpsd.port)
    gps = Gps(lambda: stream, position_of_gpsd, clock)
    gpsd.accept()
    gpsd.report(mode=1)
    with pytest.raises(Implausible, match="no position yet"):
        gps.read()
    gpsd.report(mode=3, lat=37.7749123, lon=-5.9001234, alt=12.5)
    assert arrived(gps) == Position(37.774912, -5.900123)
    clock.advance(FRESH_S + 1)
    with pytest.raises(Implausible):
        gps.read()
    stream.close()


def test_gpsd_that_hangs_up_is_called_again(gpsd: FakeGpsd) -> None:
    gps = Gps(partial(GpsdStream, "127.0.0.1", gpsd.port), position_of_gpsd, FakeClock())
    with pytest.raises(Implausible):
        gps.read()
    gpsd.accept()
    gpsd.hang_up()
    with pytest.raises(ConnectionResetError):
        arrived(gps)
    with pytest.raises(Implausible):
        gps.read()
    gpsd.accept()
    gpsd.report(mode=2, lat=1.5, lon=2.5)
    assert arrived(gps) == Position(1.5, 2.5)
    gpsd.hang_up()
    with pytest.raises(ConnectionResetError):
        until_gone(gps)


@pytest.mark.parametrize(
    "line", [b"[]", b"null", b"{", b'{"class":"TPV"}', b'{"class":"TPV","mode":3}', b'{"class":"SKY"}']
)
def test_other_reports_of_gpsd_are_no_position(line: bytes) -> None:
    assert position_of_gpsd(line) is None


def test_a_receiver_on_a_serial_line_is_read_in_pieces() -> None:
    theirs, ours = os.openpty()
    stream = SerialStream(os.ttyname(ours), 9600)
    try:
        gps = Gps(lambda: stream, position_of, FakeClock())
        os.write(theirs, b"\x00garbage\r\n" + NO_FIX + b"\r\n" + MUNICH[:20])
        with pytest.raises(Implausible):
            gps.read()
        os.write(theirs, MUNICH[20:] + b"\r\n")
        assert arrived(gps) == Position(48.1173, 11.516667)
    finally:
        stream.close()
        os.close(ours)
        os.close(theirs)
