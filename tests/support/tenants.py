"""Two companies with something of everything, and everybody who may come and ask."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
from msgspec import json
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sunsweep.contract.ids import uuid7
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import BrokerSync, BulkRun, DeadLetter, Machine, MachineModel
from sunsweep.server.features.accounts import keys
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.accounts.roles import Principal, Role
from sunsweep.server.features.audit import service as audit
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.features.audit.actors import Actor, Kind
from sunsweep.server.features.bulk import repository as bulk
from sunsweep.server.features.commands import service as commands
from sunsweep.server.features.machines import service as machines
from tests.support.platform import HOST, Platform, new_platform

OURS: Final = 1
THEIRS: Final = 2
ELSEWHERE: Final = 3
"""A company that machines are moved to."""
NOBODYS: Final = 999
MARKS: Final = {OURS: "ALPHACORP", THEIRS: "BETACORP", NOBODYS: "NOWHERE"}
"""What stands in the name of whatever a company has."""

NO_ID: Final = "018f0000-0000-7000-8000-000000000000"

TESTER: Final = Actor(Kind.COMMAND_LINE, None, "tester", "")

Things = Mapping[str, str]
"""What may stand for the parameters of a path."""


class Caller(NamedTuple):
    """Who asks; of company `OURS` but for a platform admin. Without a role the login is none."""

    name: str
    role: Role | None
    headers: dict[str, str]

    @property
    def is_key(self) -> bool:
        return self.name.startswith("key ")

    @property
    def is_platform_admin(self) -> bool:
        return self.role is Role.PLATFORM_ADMIN


@dataclass
class Tenants:
    """Companies `OURS` and `THEIRS` and what they have."""

    platform: Platform
    web: httpx.AsyncClient
    callers: list[Caller] = field(default_factory=list)
    things: dict[int, Things] = field(default_factory=dict)
    numbers: Any = field(default_factory=count)
    maker_id: int = 0

    def caller(self, name: str) -> Caller:
        return next(caller for caller in self.callers if caller.name == name)

    async def make(self, company_id: int) -> Things:
        """Something new of everything that a path may name; of `NOBODYS`, names of what is not there."""
        serial = f"{MARKS[company_id]}-{next(self.numbers)}"
        if company_id == NOBODYS:
            nothing = dict.fromkeys(("company_id", "user_id", "key_id", "model"), str(NOBODYS))
            return {"machine_id": serial, **dict.fromkeys(("command_id", "bulk_id"), NO_ID), **nothing}
        async with self.platform.database.write() as session:
            machine, _ = await machines.add(session, company_id, serial, now_ms=wall_clock())
            wish = commands.Wish("start_cleaning", {})
            row, _ = await commands.give(session, machine, wish, user_id=None, now_ms=wall_clock())
            run = await self._bulk_run(session, machine)
            session.add(dead_letter(company_id, serial, machine.id))
            session.add(MachineModel(company_id=company_id, name=serial, commands="{}", changed_at=0))
            password = "unguessable " * 2
            user = await accounts.add_user(
                session,
                f"{serial}@example.com",
                Role.VIEWER,
                company_id=company_id,
                password=password,
                now_ms=wall_clock(),
            )
            key, _ = await self._key(session, company_id, f"key of {serial}", Role.VIEWER)
            await audit.record(
                session, TESTER, Action.MACHINE_ADD, f"machine {serial}", company_id=company_id, now_ms=wall_clock()
            )
        return {
            "machine_id": serial,
            "command_id": row.id,
            "bulk_id": run.id,
            "company_id": str(company_id),
            "user_id": str(user.id),
            "key_id": str(key.id),
            "model": serial,
        }

    async def _bulk_run(self, session: AsyncSession, machine: Machine) -> BulkRun:
        run = BulkRun(
            id=uuid7(wall_clock(), next(self.numbers)),
            company_id=machine.company_id,
            command="pause",
            params="{}",
            selection=json.encode({"machine_ids": [machine.serial]}).decode(),
            stage_size=1,
            state="running",
            issued_at=wall_clock(),
        )
        await bulk.add(session, run, {machine.id: 1})
        return run

    async def _key(self, session: AsyncSession, company_id: int, name: str, role: Role) -> keys.NewKey:
        maker = Principal(self.maker_id, "", Role.PLATFORM_ADMIN, None, 0)
        return await keys.create(session, maker, company_id, name=name, role=role, days=1, now_ms=wall_clock())

    async def log_in_again(self, caller: Caller) -> None:
        """After a request that ended the caller's logins."""
        self.platform.forget_token(caller.name)
        caller.headers.update(await self._bearer(caller.name))

    async def close_code(self, path: str, caller: Caller) -> int:
        """With what code a socket is closed; 0 where frames come instead."""
        url = f"ws://{HOST}:{self.platform.settings.port}{path}"
        async with connect(url, proxy=None, additional_headers=caller.headers, max_queue=None) as socket:
            try:
                await socket.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else -1
        return 0

    async def _bearer(self, email: str) -> dict[str, str]:
        return {"authorization": f"Bearer {await self.platform.token(email)}"}

    async def fill(self) -> None:
        """People and things."""
        gone = "gone@example.com"
        await self.platform.add_user(gone, Role.ADMIN)
        await self.platform.add_user(f"admin@{MARKS[THEIRS]}.example", Role.ADMIN, THEIRS)
        people = {"root": Role.PLATFORM_ADMIN, "admin": Role.ADMIN, "operator": Role.OPERATOR, "viewer": Role.VIEWER}
        for name, role in people.items():
            email = f"{name}@example.com"
            self.callers.append(Caller(email, role, await self._bearer(email)))
        async with self.platform.database.write() as session:
            self.maker_id = (await accounts.known_user(session, "root@example.com")).id
            _, secret = await self._key(session, OURS, "key admin", Role.ADMIN)
        self.callers.append(Caller("key admin", Role.ADMIN, {"authorization": f"Bearer {secret}"}))
        self.callers.append(Caller("disabled", None, await self._bearer(gone)))
        self.callers.append(Caller("bad token", None, {"authorization": "Bearer nonsense"}))
        self.callers.append(Caller("no token", None, {}))
        async with self.platform.database.write() as session:
            await accounts.disable_user(session, gone, now_ms=wall_clock())
            await accounts.add_company(session, "Elsewhere", now_ms=wall_clock())
            for company_id in (OURS, THEIRS):
                found = await accounts.known_company(session, company_id)
                await accounts.rename_company(session, found, f"{MARKS[company_id]} Ltd")
        self.things = {company_id: await self.make(company_id) for company_id in MARKS}


def dead_letter(company_id: int, serial: str, machine_id: int) -> DeadLetter:
    return DeadLetter(
        company_id=company_id,
        machine_id=machine_id,
        topic=f"company/{company_id}/machine/{serial}/telemetry",
        payload=b"garbage",
        size=7,
        reason="not_json",
        detail="",
        received_at=wall_clock(),
    )


@asynccontextmanager
async def running_tenants(database_url: str, folder: Path) -> AsyncIterator[Tenants]:
    """With the web's roles only, and a broker that follows no change of logins: nobody waits for it."""
    platform = await new_platform(database_url, folder)
    try:
        await platform.start_broker()
        await platform.start_web()
        await platform.stop_sync()
        async with platform.database.write() as session:
            await session.execute(update(BrokerSync).values(runner_seen_at=0))
        async with platform.web() as web:
            tenants = Tenants(platform, web)
            await tenants.fill()
            yield tenants
    finally:
        await platform.stop()
