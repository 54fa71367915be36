"""Where the rules are put to the test: a broker, and the database that it reads its logins from."""

import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiomqtt import ProtocolVersion

from sunsweep.contract.topics import machine_root
from sunsweep.mqtt.passwords import generate_password
from sunsweep.server.broker.accounts import remove_accounts, set_account
from sunsweep.server.broker.logins import wait_applied
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.features.accounts import repository as companies
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.machines import repository, service
from sunsweep.server.features.machines.service import Login
from tests.support.peer import V5, V311
from tests.support.platform import HOST, new_platform

GIVEN: Final = tuple(os.environ.get("SUNSWEEP_TEST_BROKER_URL", "").replace(",", " ").split())
DATABASE_URL: Final = "SUNSWEEP_TEST_BROKER_DATABASE_URL"
CA: Final = "SUNSWEEP_TEST_BROKER_CA"
_COMPANIES: Final = ("Broker rules: ours", "Broker rules: theirs")

Way = tuple[str, ProtocolVersion]
"""(scheme of the URL, version)."""

WAYS: Final[Sequence[Way]] = (
    [(urlsplit(url).scheme, version) for url in GIVEN for version in (V311, V5)]
    if GIVEN
    else [("mqtt", V311), ("mqtt", V5), ("ws", V5)]
)


@dataclass
class Place:
    """Machines are made straight in the database, as every part of the backend does it."""

    database: Database
    urls: dict[str, str]
    ca: Path | None = None
    _made: list[tuple[int, str]] = field(default_factory=list)
    _companies: dict[str, int] = field(default_factory=dict)
    _prefix: str = field(default_factory=lambda: f"rules-{secrets.token_hex(4)}-")

    async def machine(self, *, of: str = _COMPANIES[0]) -> Login:
        """A new one, which the broker lets in from now on."""
        serial = f"RULES-{secrets.token_hex(6)}"
        async with self.database.write() as session:
            if of not in self._companies:
                found = await companies.company_by_name(session, of)
                found = found or await accounts.add_company(session, of, now_ms=wall_clock())
                self._companies[of] = found.id
            _, login = await service.add(session, self._companies[of], serial, now_ms=wall_clock())
        self._made.append((login.company_id, serial))
        await self._applied()
        return login

    async def foreign_machine(self) -> Login:
        """One of another company."""
        return await self.machine(of=_COMPANIES[1])

    async def backend(self, *rules: tuple[str, str]) -> Login:
        """A login of the backend, with these rules."""
        username, password = f"{self._prefix}{secrets.token_hex(4)}", generate_password()
        async with self.database.write() as session:
            await set_account(session, username, password, rules)
        await self._applied()
        return Login("", 0, username, password)

    async def rotate(self, login: Login) -> Login:
        async with self.database.write() as session:
            machine = await service.known(session, login.company_id, login.machine_id, lock=True)
            fresh = await service.rotate(session, machine, now_ms=wall_clock())
        await self._applied()
        return fresh

    async def disable(self, login: Login) -> None:
        async with self.database.write() as session:
            machine = await service.known(session, login.company_id, login.machine_id, lock=True)
            await service.change(session, machine, {"enabled": False}, now_ms=wall_clock())
        await self._applied()

    async def leave(self) -> None:
        """Nothing of it stays behind in a database that is not ours."""
        async with self.database.write() as session:
            await remove_accounts(session, self._prefix)
            for company_id, serial in self._made:
                machine = await repository.machine(session, company_id, serial, lock=True)
                if machine is not None:
                    await service.archive(session, machine, now_ms=wall_clock())

    async def _applied(self) -> None:
        await wait_applied(self.database, now_ms=wall_clock)


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """The broker that is named, or the local one and its door."""
    async with _given() if GIVEN else _local(folder) as found:
        yield found


@asynccontextmanager
async def _given() -> AsyncIterator[Place]:
    database = Database(os.environ[DATABASE_URL])
    ca = os.environ.get(CA)
    found = Place(database, {urlsplit(url).scheme: url for url in GIVEN}, Path(ca) if ca else None)
    try:
        yield found
    finally:
        await found.leave()
        await database.close()


@asynccontextmanager
async def _local(folder: Path) -> AsyncIterator[Place]:
    platform = await new_platform(f"sqlite+aiosqlite:///{folder / 'sunsweep.db'}", folder)
    urls = {"mqtt": f"mqtt://{HOST}:{platform.mqtt_port}", "ws": f"ws://{HOST}:{platform.settings.port}/mqtt"}
    try:
        await platform.start_broker()
        await platform.start_web()
        yield Place(platform.database, urls)
    finally:
        await platform.stop()


def topic(login: Login, rest: str) -> str:
    return f"{machine_root(login.company_id, login.machine_id)}/{rest}"


def login_of(login: Login, way: Way, at: Place) -> dict[str, Any]:
    """How somebody with this login comes in."""
    scheme, version = way
    return {
        "url": at.urls[scheme],
        "username": login.mqtt_username,
        "password": login.mqtt_password,
        "version": version,
        "ca": at.ca,
    }
