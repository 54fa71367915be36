"""Viewers of a whole company, and machines by the thousand that need no login of their own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import insert
from websockets.asyncio.client import ClientConnection

from sunsweep.mqtt.client import MqttClient
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import Machine
from tests.server.viewers import VIEWER
from tests.support.platform import Platform

Frame = dict[str, Any]


async def add_machines(platform: Platform, serials: Sequence[str], company_id: int = 1) -> None:
    """In the database only: whoever speaks for them has another login at the broker."""
    rows = [{"company_id": company_id, "serial": serial, "created_at": wall_clock()} for serial in serials]
    async with platform.database.write() as session:
        await session.execute(insert(Machine), rows)


@asynccontextmanager
async def spokesman(platform: Platform, name: str) -> AsyncIterator[MqttClient]:
    """Who may speak for every machine, and tell what the backend tells."""
    rules = (("publish", "company/+/machine/+/telemetry"), ("publish", "company/+/machine/+/status"))
    password = await platform.add_service_account(name, *rules, ("publish", "sunsweep/event/+/+/command_state"))
    async with platform.mqtt(name, password) as client:
        yield client


async def tell(client: MqttClient, serial: str, data: object, channel: str = "telemetry", company_id: int = 1) -> None:
    topic = f"company/{company_id}/machine/{serial}/{channel}"
    await client.publish(topic, json.dumps(data).encode(), qos=1)


async def message(socket: ClientConnection, *, within_s: float = 30.0) -> Any:
    async with asyncio.timeout(within_s):
        return json.loads(await socket.recv())


@asynccontextmanager
async def fleet(platform: Platform, *, as_: str = VIEWER, query: str = "") -> AsyncIterator[Any]:
    """A viewer of a company, before the first message."""
    async with platform.watch("", as_=as_, query=query) as socket:
        yield socket


@asynccontextmanager
async def batches(
    platform: Platform, *, as_: str = VIEWER, query: str = ""
) -> AsyncIterator[tuple[Any, dict[str, Frame]]]:
    """A viewer who takes arrays, after the snapshots, and these by serial."""
    async with fleet(platform, as_=as_, query=f"&batch=true{query}") as socket:
        snapshots: dict[str, Frame] = {}
        while several := await message(socket):
            assert len(several) <= 500
            assert {one["type"] for one in several} == {"snapshot"}
            snapshots |= {one["machine_id"]: one for one in several}
        yield socket, snapshots


async def up_to(socket: ClientConnection, found: Callable[[Frame], bool], *, within_s: float = 30.0) -> list[Frame]:
    """All frames up to the first that is sought."""
    frames: list[Frame] = []
    async with asyncio.timeout(within_s):
        while True:
            for one in json.loads(await socket.recv()):
                frames.append(one)
                if found(one):
                    return frames


def is_of(serial: str, kind: str, **data: Any) -> Callable[[Frame], bool]:
    """A frame of this machine and type that says this."""
    return lambda one: (one["machine_id"], one["type"]) == (serial, kind) and data.items() <= one["data"].items()


def says(serial: str, battery: float) -> Callable[[Frame], bool]:
    """A sample of this machine, or the snapshot that has it already.

    First words may be in the database before it is asked for who is new, and then come with the snapshot.
    """

    def found(one: Frame) -> bool:
        sample = one["data"].get("telemetry") if one["type"] == "snapshot" else one["data"]
        return one["machine_id"] == serial and (sample or {}).get("battery") == battery

    return found
