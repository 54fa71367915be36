"""Somebody at a broker, with the library that the machines use: any transport, MQTT 3.1.1 or 5."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aiomqtt import Client, MqttError, ProtocolVersion, Will
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

V311, V5 = ProtocolVersion.V311, ProtocolVersion.V5
PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 8083, "wss": 8084}
_FAILURE = 0x80


class Got(NamedTuple):
    topic: str
    payload: str


class Peer:
    """A connection, and what has come over it."""

    def __init__(self, client: Client) -> None:
        self.got: list[Got] = []
        self.lost = asyncio.Event()
        self._client = client
        self._news = asyncio.Event()

    async def read(self) -> None:
        try:
            async for message in self._client.messages:
                assert isinstance(message.payload, bytes)
                self.got.append(Got(str(message.topic), message.payload.decode()))
                self._news.set()
        except MqttError:
            self.lost.set()

    async def publish(self, topic: str, payload: str, *, qos: int = 1, retain: bool = False) -> None:
        """Returns after the acknowledgement, whatever it says."""
        await self._client.publish(topic, payload, qos=qos, retain=retain)

    async def subscribe(self, topic_filter: str, *, qos: int = 1) -> bool:
        """Whether the broker says that it is granted."""
        (code,) = await self._client.subscribe(topic_filter, qos=qos)
        return (code if isinstance(code, int) else code.value) < _FAILURE

    async def heard(self, payload: str, *, within_s: float = 30.0) -> list[str]:
        """All payloads up to this one."""
        async with asyncio.timeout(within_s):
            while not any(got.payload == payload for got in self.got):
                self._news.clear()
                await self._news.wait()
        payloads = [got.payload for got in self.got]
        return payloads[: payloads.index(payload) + 1]

    async def ended(self, *, within_s: float) -> None:
        """The broker has ended the connection."""
        async with asyncio.timeout(within_s):
            await self.lost.wait()

    def vanish(self) -> None:
        """Without a farewell, so that the will goes out."""
        wire: Any = self._client._client.socket()
        getattr(wire, "_socket", wire).shutdown(socket.SHUT_RDWR)


@asynccontextmanager
async def peer(
    url: str,
    username: str | None,
    password: str | None,
    *,
    version: ProtocolVersion = V5,
    client_id: str = "",
    keep_s: int = 0,
    will: tuple[str, str] | None = None,
    ca: Path | None = None,
) -> AsyncIterator[Peer]:
    """Connected, with a session that is kept for `keep_s` (on 3.1.1: for ever); raises `MqttError` where refused."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    client = Client(
        parts.hostname,
        parts.port or PORTS[parts.scheme],
        username=username,
        password=password,
        identifier=client_id or None,
        protocol=version,
        transport="websockets" if parts.scheme in {"ws", "wss"} else "tcp",
        websocket_path=parts.path or "/mqtt",
        tls_context=ssl.create_default_context(cafile=ca) if parts.scheme in {"mqtts", "wss"} else None,
        will=None if will is None else Will(*will, qos=1),
        timeout=5,
        **_session(version, keep_s),
    )
    async with client:
        entered = Peer(client)
        reading = asyncio.create_task(entered.read(), name="peer")
        try:
            yield entered
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def refused(url: str, username: str | None, password: str | None, **more: Any) -> bool:
    """Whether the broker does not let somebody in."""
    try:
        async with peer(url, username, password, **more):
            return False
    except MqttError:
        return True


def _session(version: ProtocolVersion, keep_s: int) -> dict[str, Any]:
    if version is V311:
        return {"clean_session": not keep_s}
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types here
    properties.SessionExpiryInterval = keep_s
    return {"clean_start": not keep_s, "properties": properties}
