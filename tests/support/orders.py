"""Commands of a test: given over REST, and led through their states without a machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final

import httpx
from sqlalchemy import select

from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import CommandRow, Machine, MachineStatus
from sunsweep.server.features.commands.lifecycle import State, change
from tests.support.platform import Platform

ADMIN: Final = "admin@example.com"
OPERATOR: Final = "operator@example.com"
VIEWER: Final = "viewer@example.com"
ROOT: Final = "root@example.com"
START: Final[dict[str, Any]] = {"command": "start_cleaning", "params": {"speed": 5, "mode": "auto"}}
_NUMBERS = count()

WAY: Final[dict[State, tuple[State, ...]]] = {
    State.QUEUED: (),
    State.SENT: (State.SENT,),
    State.ACCEPTED: (State.SENT, State.ACCEPTED),
    State.RUNNING: (State.SENT, State.ACCEPTED, State.RUNNING),
    State.UNCONFIRMED: (State.SENT, State.UNCONFIRMED),
    State.SUCCEEDED: (State.SENT, State.SUCCEEDED),
    State.FAILED: (State.SENT, State.FAILED),
    State.REJECTED: (State.SENT, State.REJECTED),
    State.EXPIRED: (State.EXPIRED,),
    State.CANCELLED: (State.CANCELLED,),
}
"""From queued to each state."""


async def new_machine(platform: Platform) -> str:
    serial = f"ORDER-{next(_NUMBERS)}"
    await platform.add_machine(serial)
    return serial


async def give(
    platform: Platform, serial: str, command: str, *, as_: str = OPERATOR, key: str | None = None, **more: Any
) -> httpx.Response:
    headers = {} if key is None else {"idempotency-key": key}
    params = {"wait": more.pop("wait")} if "wait" in more else None
    body = {"command": command, **more}
    path = f"/machines/{serial}/commands"
    return await platform.call("POST", path, json=body, as_=as_, headers=headers, params=params)


async def given(platform: Platform, serial: str, command: str, state: State = State.QUEUED, **more: Any) -> str:
    """The id of a new command, which is in this state by now."""
    answer = await give(platform, serial, command, **more)
    assert answer.status_code == 202, answer.text
    command_id: str = answer.json()["id"]
    await lead(platform, command_id, *WAY[state])
    return command_id


async def lead(platform: Platform, command_id: str, *states: State) -> None:
    async with platform.database.write() as session:
        row = await session.get_one(CommandRow, command_id)
        for state in states:
            now_ms = wall_clock()
            assert await change(session, command_id, state, machine_id=row.machine_id, at_ms=now_ms) is not None


async def look(platform: Platform, serial: str, command_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await platform.get(f"/machines/{serial}/commands/{command_id}")
    return found


async def say(platform: Platform, serial: str, status: str, *, at_ms: int, in_session: bool) -> None:
    """The machine's newest status, as the ingest would have stored it."""
    async with platform.database.write() as session:
        machine_id = await session.scalar(select(Machine.id).where(Machine.serial == serial))
        assert machine_id is not None
        row = MachineStatus(
            machine_id=machine_id,
            status=status,
            status_at=at_ms,
            presence="online",
            presence_since=0,
            presence_cause="heard",
            heard_at=at_ms,
            in_session=in_session,
        )
        await session.merge(row)


@asynccontextmanager
async def program(platform: Platform, role: str = "operator") -> AsyncIterator[httpx.AsyncClient]:
    """A client with an API key."""
    wish = {"name": f"{role} program", "role": role, "expires_in_days": 1}
    secret = (await platform.call("POST", "/api-keys", json=wish)).raise_for_status().json()["key"]
    async with platform.web("/api/v1", headers={"authorization": f"Bearer {secret}"}) as client:
        yield client
