"""The whole backend in a test's own loop, over a real broker: roles come and go as the test wishes."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.exc import OperationalError
from websockets.asyncio.client import ClientConnection, connect

from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.mqtt.port import Subscription
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server import metrics
from sunsweep.server.broker import logins
from sunsweep.server.broker.accounts import set_account
from sunsweep.server.broker.sync import keep_in_step
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.seats import member_id
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.accounts.roles import Role as PersonRole
from sunsweep.server.features.audit.at_broker import RefusedAtBroker
from sunsweep.server.features.machines import service as machines
from sunsweep.server.features.machines.first_use import FirstUses
from sunsweep.server.features.machines.service import Login
from sunsweep.server.ingest.sessions import stand_ins
from sunsweep.server.listener import listen
from sunsweep.server.roles import run_roles
from sunsweep.server.settings import Role, ServeSettings
from tests.support.ports import free_port

HOST = "127.0.0.1"
PASSWORD = "correct horse"
BACKEND = "sunsweep-backend"
PEOPLE = {
    "root@example.com": PersonRole.PLATFORM_ADMIN,
    "admin@example.com": PersonRole.ADMIN,
    "operator@example.com": PersonRole.OPERATOR,
    "viewer@example.com": PersonRole.VIEWER,
}
BACKEND_ROLES = frozenset({Role.INGEST, Role.DISPATCH, Role.JOBS})
WEB_ROLES = frozenset({Role.API, Role.LIVE})
GATHER_S = 0.05
"""Most tests add a machine or change a login, and wait until the broker has taken it."""


async def eventually(check: Callable[[], Awaitable[Any]], *, within_s: float = 30.0) -> Any:
    """The first true answer of `check`; fails with the last one when the time is up."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        answer = await check()
        if answer:
            return answer
        assert asyncio.get_running_loop().time() < deadline, f"not within {within_s} s; the last answer was {answer!r}"
        await asyncio.sleep(0.03)


@dataclass
class Platform:
    """Two companies (1 and 2), the four demo users of company 1, a broker, and the roles that are started."""

    database: Database
    settings: ServeSettings
    folder: Path
    mqtt_port: int
    _broker: LocalBroker | None = None
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    async def start_broker(self) -> None:
        shown = await logins.wanted(self.database)
        refused = RefusedAtBroker(self.database, now_ms=wall_clock)
        used = FirstUses(self.database, now_ms=wall_clock)
        where = self.folder / "broker"
        self._broker = LocalBroker(
            where, host=HOST, port=self.mqtt_port, on_refused=refused.seen, on_connected=used.saw
        )
        members = partial(stand_ins, self.database, BACKEND, self.settings.mqtt_password.get_secret_value())
        await self._broker.start(await logins.broker_users(self.database), await members())
        self._spawn("broker", self._broker.run())
        self._spawn("refused", refused.run())
        self._spawn("first-uses", used.run())
        in_step = keep_in_step(
            self.database, self._broker, shown=shown, now_ms=wall_clock, members=members, gather_s=GATHER_S
        )
        self._spawn("sync", in_step)

    async def stop_broker(self) -> None:
        await self._end("sync")
        await self._end("first-uses")
        await self._end("broker")
        await self._end("refused")
        if self._broker is not None:
            await self._broker.stop()
            self._broker = None

    @property
    def broker_pid(self) -> int | None:
        """Of the mosquitto that runs now."""
        return None if self._broker is None else self._broker.pid

    async def stop_sync(self) -> None:
        """The broker goes on with the logins that it has."""
        await self._end("sync")

    async def start_web(self) -> None:
        """`api` and `live`, ready to be asked."""
        listener = listen(HOST, self.settings.port)
        self._spawn("web", run_roles(self.settings, WEB_ROLES, listener))
        await eventually(self.ready)

    async def start_backend(self) -> None:
        """`ingest`, `dispatch` and `jobs`."""
        self._spawn("backend", run_roles(self.settings, BACKEND_ROLES, None))

    async def stop_backend(self) -> None:
        await self._end("backend")

    async def stop_web(self) -> None:
        await self._end("web")

    async def rename(self, old: str, new: str) -> None:
        """A table, to a name that nobody asks for: that much of the database is away.

        In short turns: on MariaDB it may wait within the engine for one who waits for the table's name, and nobody
        there sees that these two wait for each other.
        """
        words = f"ALTER TABLE {old} RENAME TO {new}"
        if not self.database.is_sqlite:
            words = f"SET STATEMENT lock_wait_timeout=1, innodb_lock_wait_timeout=1 FOR {words}"

        async def renamed() -> bool:
            try:
                async with self.database.transaction() as connection:
                    await connection.exec_driver_sql(words)
            except OperationalError:
                return False
            return True

        await eventually(renamed)

    async def stop(self) -> None:
        await self._end("backend")
        await self._end("web")
        await self.stop_broker()
        await self.database.close()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.settings.port}"

    def web(self, root: str = "", *, timeout: float = 30, **more: Any) -> httpx.AsyncClient:
        """A client of the web server; it reads no certificates, which would take longer than the requests."""
        return httpx.AsyncClient(base_url=self.url + root, verify=False, trust_env=False, timeout=timeout, **more)

    async def token(self, email: str = "operator@example.com") -> str:
        if email not in self._tokens:
            async with self.web() as client:
                answer = await client.post("/api/v1/auth/token", data={"username": email, "password": PASSWORD})
            self._tokens[email] = answer.raise_for_status().json()["access_token"]
        return self._tokens[email]

    def forget_token(self, email: str) -> None:
        """It has ended: the next one is a new login's."""
        self._tokens.pop(email, None)

    async def call(
        self,
        method: str,
        path: str,
        *,
        as_: str = "admin@example.com",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """A request under `/api/v1`."""
        bearer = {"authorization": f"Bearer {await self.token(as_)}"}
        async with self.web("/api/v1", headers=bearer) as client:
            return await client.request(method, path, headers=headers, **more)

    async def get(self, path: str, **more: Any) -> Any:
        return (await self.call("GET", path, **more)).raise_for_status().json()

    async def add_machine(self, serial: str, company_id: int = 1) -> Login:
        async with self.database.write() as session:
            _, login = await machines.add(session, company_id, serial, now_ms=wall_clock())
        await logins.wait_applied(self.database, now_ms=wall_clock)
        return login

    async def add_user(self, email: str, role: PersonRole, company_id: int = 1) -> None:
        """A person with the demo password."""
        now_ms = wall_clock()
        async with self.database.write() as session:
            await accounts.add_user(session, email, role, company_id=company_id, password=PASSWORD, now_ms=now_ms)

    async def add_service_account(self, username: str, *rules: tuple[str, str]) -> str:
        """A login at the broker with rules of its own; its password."""
        password = secrets.token_urlsafe(16)
        async with self.database.write() as session:
            await set_account(session, username, password, rules)
        await logins.wait_applied(self.database, now_ms=wall_clock)
        return password

    @asynccontextmanager
    async def watch(
        self, serial: str, *, as_: str = "viewer@example.com", query: str = ""
    ) -> AsyncIterator[ClientConnection]:
        """A viewer's socket, before its first frame; of the whole company where no machine is named."""
        path = f"/realtime/{serial}" if serial else "/realtime"
        url = f"ws://{HOST}:{self.settings.port}{path}?token={await self.token(as_)}{query}"
        # Unbounded: frames nobody reads would keep the closing handshake waiting.
        async with connect(url, proxy=None, max_queue=None) as socket:
            yield socket

    @asynccontextmanager
    async def mqtt(self, username: str, password: str, *topics: str, **more: Any) -> AsyncIterator[MqttClient]:
        """A connected MQTT 5 client of ours, subscribed to `topics` at QoS 1; `on_messages` takes what comes."""
        settings = ConnectionSettings(host=HOST, port=self.mqtt_port, username=username, password=password)
        client = MqttClient(settings, subscriptions=[Subscription(topic) for topic in topics], **more)
        running = asyncio.create_task(client.run(), name="test-client")
        try:
            async with asyncio.timeout(30):
                await client.wait_connected()
            yield client
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def telemetry(self, serial: str, **query: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.get(f"/machines/{serial}/telemetry", params=query))["items"]
        return items

    def _spawn(self, name: str, work: Any) -> None:
        self._tasks[name] = asyncio.create_task(work, name=f"platform-{name}")

    async def _end(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is None:
            return
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError), outcome

    async def ready(self) -> bool:
        try:
            async with self.web() as client:
                return (await client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False


def new_settings(database_url: str) -> ServeSettings:
    """Secrets and ports of its own."""
    return ServeSettings(
        database_url=database_url,
        mqtt_url=f"mqtt://{HOST}:{free_port()}",
        mqtt_username=BACKEND,
        mqtt_password=secrets.token_urlsafe(16),
        secret_key=secrets.token_urlsafe(48),
        host=HOST,
        port=free_port(),
        mqtt_door=True,
        commands_per_minute=100_000,
    )


async def new_platform(database_url: str, folder: Path) -> Platform:
    """A migrated database with companies and people; nothing runs yet."""
    settings = new_settings(database_url)
    database = Database(database_url)
    await upgrade(database)
    async with database.write() as session:
        for name in ("Alpha", "Beta"):
            await accounts.add_company(session, name, now_ms=wall_clock())
        for email, role in PEOPLE.items():
            company_id = None if role is PersonRole.PLATFORM_ADMIN else 1
            await accounts.add_user(session, email, role, company_id=company_id, password=PASSWORD, now_ms=wall_clock())
        await set_account(session, BACKEND, settings.mqtt_password.get_secret_value())
    return Platform(database, settings, folder, _port_of(settings))


@asynccontextmanager
async def platform_over(settings: ServeSettings, folder: Path) -> AsyncIterator[Platform]:
    """A database with its companies and people is there already: broker and web are up."""
    folder.mkdir(exist_ok=True)
    running = Platform(Database(settings.database_url), settings, folder, _port_of(settings))
    try:
        async with running.database.write() as session:
            await set_account(session, BACKEND, settings.mqtt_password.get_secret_value())
        await running.start_broker()
        await running.start_web()
        yield running
    finally:
        await running.stop()


def _port_of(settings: ServeSettings) -> int:
    return int(settings.mqtt_url.rpartition(":")[2])


async def more(counter: Any, before: float) -> bool:
    return bool(counter.get() > before)


@asynccontextmanager
async def ingest_begins() -> AsyncIterator[None]:
    """It is started within and hears at the end: a message at QoS 0 that nobody reads yet is gone."""
    connected = metrics.MQTT_CONNECTIONS.labels(member_id(0))._value
    before = connected.get()
    yield
    await eventually(lambda: more(connected, before))


@asynccontextmanager
async def running_platform(database_url: str, folder: Path) -> AsyncIterator[Platform]:
    """Broker and web are up, the rest of the backend too; stop and start parts as you wish."""
    running = await new_platform(database_url, folder)
    try:
        await running.start_broker()
        await running.start_web()
        async with ingest_begins():
            await running.start_backend()
        yield running
    finally:
        await running.stop()


def topic(login: Login, channel: str) -> str:
    return str(MachineTopic(login.company_id, login.machine_id, Channel(channel)))
