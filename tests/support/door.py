"""The local system's `/mqtt` alone, before any broker, with or without TLS."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server import door, web
from sunsweep.server.listener import listen
from tests.support.authority import Pair

HOST = "127.0.0.1"
MQTT = Subprotocol("mqtt")


class OpenDoor:
    """Its port, and itself."""

    def __init__(self, port: int, inside: door.Door) -> None:
        self.port = port
        self.inside = inside

    @property
    def url(self) -> str:
        return f"ws://{HOST}:{self.port}/mqtt"

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientConnection]:
        async with connect(self.url, subprotocols=[MQTT], proxy=None, compression=None, max_size=None) as socket:
            yield socket


@asynccontextmanager
async def door_to(
    broker_port: int, *, tls: Pair | None = None, places: int = 100, patience_s: float = 10.0
) -> AsyncIterator[OpenDoor]:
    app = FastAPI()
    app.state.door = door.Door(ConnectionSettings(host=HOST, port=broker_port), places, patience_s)
    app.include_router(door.router)
    with listen(HOST, 0) as listener:
        serving = web.serve(app, listener) if tls is None else _serve_tls(app, listener.fileno(), tls)
        task = asyncio.create_task(serving, name="door")
        try:
            yield OpenDoor(listener.getsockname()[1], app.state.door)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _serve_tls(app: FastAPI, listener: int, tls: Pair) -> None:
    """As whoever puts a certificate before it would."""
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        fd=listener,
        ssl_certfile=str(tls.cert),
        ssl_keyfile=str(tls.key),
        timeout_graceful_shutdown=1,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with config.bind_socket() as bound:
        await server.startup(sockets=[bound])
        try:
            await server.main_loop()
        finally:
            await server.shutdown(sockets=[bound])
