"""Bulk runs of a test: asked for over REST, and rolled out without a dispatcher."""

from collections.abc import Collection
from typing import Any

import httpx
from sqlalchemy import select, update

from sunsweep.mqtt.client import MqttClient
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import CommandRow, Machine
from sunsweep.server.dispatch.rollout import Rollout
from sunsweep.server.roles import connection
from tests.support.orders import OPERATOR, WAY, lead
from tests.support.platform import Platform

CLEAN: dict[str, Any] = {"command": "start_cleaning", "params": {"speed": 5}}


async def fleet(platform: Platform, prefix: str, number: int, *, company_id: int = 1, **columns: Any) -> list[str]:
    """Serials of new machines, which have no login."""
    serials = [f"{prefix}-{n:03}" for n in range(number)]
    async with platform.database.write() as session:
        session.add_all(
            Machine(company_id=company_id, serial=serial, created_at=wall_clock(), **columns) for serial in serials
        )
    return serials


async def ask(platform: Platform, chosen: Any, *, as_: str = OPERATOR, path: str = "", **more: Any) -> httpx.Response:
    return await platform.call("POST", f"/commands{path}", json={"filter": chosen, **more}, as_=as_)


async def look_first(platform: Platform, chosen: Any, **more: Any) -> dict[str, Any]:
    """A dry run."""
    found: dict[str, Any] = (await ask(platform, chosen, dry_run=True, **more)).raise_for_status().json()
    return found


async def begin(platform: Platform, chosen: Any, **more: Any) -> str:
    """The id of a confirmed run."""
    seen = await look_first(platform, chosen, **more)
    answer = await ask(platform, chosen, confirmation=seen["confirmation"], **more)
    assert answer.status_code == 202, answer.text
    bulk_id: str = answer.json()["id"]
    return bulk_id


async def roll_out(platform: Platform) -> None:
    """What `dispatch` does once a second; nobody is told."""
    unconnected = MqttClient(connection(platform.settings, "rollout"))
    await Rollout(platform.database, unconnected, wall_clock).step()


async def run_of(platform: Platform, bulk_id: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = await platform.get(f"/commands/bulk/{bulk_id}", **more)
    return found


async def results(platform: Platform, bulk_id: str, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await platform.get(f"/commands/bulk/{bulk_id}/machines{query}"))["items"]
    return items


async def commands_of(platform: Platform, serials: Collection[str]) -> list[CommandRow]:
    async with platform.database.read() as session:
        query = select(CommandRow).join(Machine, Machine.id == CommandRow.machine_id)
        return list(await session.scalars(query.where(Machine.serial.in_(serials)).order_by(Machine.serial)))


async def become(platform: Platform, serials: Collection[str], state: Any) -> None:
    """The queued commands of these machines go through their lives up to this state."""
    for row in await commands_of(platform, serials):
        if row.state == "queued":
            await lead(platform, row.id, *WAY[state])


async def disable(platform: Platform, serial: str) -> None:
    async with platform.database.write() as session:
        await session.execute(update(Machine).where(Machine.serial == serial).values(enabled=False))
