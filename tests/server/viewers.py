"""Viewers of `/realtime/{machine_id}`, and machines that say something to be seen."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from sunsweep.server.features.machines.service import Login
from tests.support import mosquitto
from tests.support.platform import HOST, Platform, topic

VIEWER = "viewer@example.com"


def url(platform: Platform, serial: str, query: str = "") -> str:
    return f"ws://{HOST}:{platform.settings.port}/realtime/{serial}{query}"


async def frame(socket: ClientConnection, *, within_s: float = 30.0) -> dict[str, Any]:
    async with asyncio.timeout(within_s):
        found: dict[str, Any] = json.loads(await socket.recv())
    return found


async def frames(socket: ClientConnection, kind: str, number: int, *, within_s: float = 30.0) -> list[dict[str, Any]]:
    """The next frames of one type."""
    found: list[dict[str, Any]] = []
    while len(found) < number:
        one = await frame(socket, within_s=within_s)
        if one["type"] == kind:
            found.append(one)
    return found


async def closing(socket: ClientConnection, *, within_s: float = 30.0) -> int:
    """The code the server closes with, whatever it says before."""
    async with asyncio.timeout(within_s):
        await socket.wait_closed()
    assert socket.close_code is not None
    return socket.close_code


async def opened(address: str, **more: Any) -> str | int:
    """What an attempt comes to: the type of the first frame, or the code of the close."""
    async with connect(address, proxy=None, **more) as socket:
        try:
            return str((await frame(socket))["type"])
        except ConnectionClosed:
            return socket.close_code or 0


@asynccontextmanager
async def viewing(platform: Platform, serial: str, *, query: str = "", as_: str = VIEWER) -> AsyncIterator[Any]:
    """A viewer after its snapshot."""
    async with platform.watch(serial, as_=as_, query=query) as socket:
        assert (await frame(socket))["type"] == "snapshot"
        yield socket


async def say(platform: Platform, login: Login, payload: str | bytes | Mapping[str, Any], *options: str) -> None:
    text = payload if isinstance(payload, str | bytes) else json.dumps(payload)
    channel = "telemetry"
    if options and not options[0].startswith("-"):
        channel, *rest = options
        options = tuple(rest)
    who = {"username": login.mqtt_username, "password": login.mqtt_password}
    code, said = await mosquitto.publish(platform.mqtt_port, topic(login, channel), text, *options, **who)
    assert code == 0, said


@asynccontextmanager
async def deaf_viewer(platform: Platform, serial: str) -> AsyncIterator[asyncio.StreamReader]:
    """A viewer that asks for frames and reads none, until the test reads from what is handed out."""
    reader, writer = await asyncio.open_connection(HOST, platform.settings.port, limit=1024)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET /realtime/{serial}?token={await platform.token(VIEWER)} HTTP/1.1",
        f"Host: {HOST}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
    await writer.drain()
    try:
        yield reader
    finally:
        writer.transport.abort()
