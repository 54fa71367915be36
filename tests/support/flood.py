"""Rubbish as fast as the broker takes it: `python tests/support/flood.py PORT QOS LOGIN…`, until killed.

MQTT 3.1.1 by hand: a flooder has no more to do than to write.
"""

import secrets
import select
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sunsweep.server.features.machines.service import Login

RUBBISH = b"{" + b"x" * 99
CHUNK = 200
WINDOW = 1000


def argument(login: "Login") -> str:
    """A LOGIN of the command line."""
    where = f"company/{login.company_id}/machine/{login.machine_id}/telemetry"
    return f"{login.mqtt_username},{login.mqtt_password},{where}"


@dataclass
class Side:
    """A connection that floods: what it says again and again, what of that is not written, what is not acknowledged."""

    packets: bytes
    left: bytes = b""
    out: int = 0


def flood(port: int, qos: int, logins: list[str]) -> None:
    """Never returns."""
    sides: dict[socket.socket, Side] = {}
    for login in logins:
        username, password, topic = login.split(",")
        link = socket.create_connection(("127.0.0.1", port))
        name = secrets.token_hex(8)
        body = b"\0\x04MQTT\x04\xc2\0\x3c" + b"".join(map(_text, (name, username, password)))
        link.sendall(_packet(0x10, body))
        assert link.recv(4)[3] == 0
        link.setblocking(False)
        packets = (_packet(0x30 | qos << 1, _text(topic) + (b"\0\1" if qos else b"") + RUBBISH)) * CHUNK
        sides[link] = Side(packets)
    while True:
        readable, writable, _ = select.select(sides, [link for link in sides if sides[link].out < WINDOW], [])
        for link in readable:
            sides[link].out -= len(link.recv(65536)) // 4
        for link in writable:
            side = sides[link]
            if not side.left:
                side.left = side.packets
                side.out += CHUNK * qos
            side.left = side.left[link.send(side.left) :]


def _text(words: str) -> bytes:
    return len(words).to_bytes(2, "big") + words.encode()


def _packet(kind: int, body: bytes) -> bytes:
    size = len(body)
    return bytes([kind, size]) + body if size < 128 else bytes([kind, size & 127 | 128, size >> 7]) + body


if __name__ == "__main__":
    flood(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
