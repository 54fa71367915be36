"""The roles of a backend process, run side by side."""

import asyncio
import gc
import os
import secrets
import socket
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.emqx_admin import EmqxAdmin
from sunsweep.mqtt.settings import ConnectionSettings, settings_from_url
from sunsweep.server import metrics
from sunsweep.server.broker.emqx import emqx_admin
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.fit import require_schema
from sunsweep.server.db.seats import member_id
from sunsweep.server.db.state import set_state
from sunsweep.server.dispatch.dispatcher import KEEP_ALIVE_S, Dispatcher, over
from sunsweep.server.features.accounts.tokens import Tokens
from sunsweep.server.features.services import Services
from sunsweep.server.ingest.sessions import RECEIVE_MAXIMUM, SESSION_EXPIRY_S
from sunsweep.server.ingest.worker import Pace, Worker
from sunsweep.server.jobs.timetable import Jobs
from sunsweep.server.live.fleets import Fleets
from sunsweep.server.live.hub import Hub
from sunsweep.server.settings import BackendSettings, Role, ServeSettings
from sunsweep.server.stalls import watched_loop
from sunsweep.server.tracing import traced

log = structlog.get_logger(__name__)


def connection(settings: BackendSettings, role: str, **more: Any) -> ConnectionSettings:
    """A connection of this process's own, with a clientid nobody else has and nothing kept in the broker."""
    name = f"{role}-{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"
    return _connection(settings, client_id=name, **more)


def member_connection(settings: BackendSettings, number: int = 0) -> ConnectionSettings:
    """The named session of an ingest member: what it has not acknowledged waits for it."""
    return _connection(
        settings,
        client_id=member_id(number),
        clean_start=False,
        session_expiry_s=SESSION_EXPIRY_S,
        receive_maximum=RECEIVE_MAXIMUM,
    )


def _connection(settings: BackendSettings, **more: Any) -> ConnectionSettings:
    address = settings_from_url(settings.mqtt_url, ca_file=settings.mqtt_ca_file)
    password = settings.mqtt_password.get_secret_value()
    return replace(address, username=settings.mqtt_username, password=password, **more)


async def run_ingest(settings: BackendSettings, *, members: int | None = None) -> None:
    """The ingest alone, until cancelled; `members` are from now on to be so many. Raises `SchemaError`."""
    database = Database(settings.database_url)
    try:
        await require_schema(database)
        if members is not None:
            async with database.write() as session:
                await set_state(session, "ingest_members", members)
        spare_the_collector()
        log.info("begun", roles=Role.INGEST)
        async with _observed(database):
            await ingest_worker(settings, database).run()
    finally:
        await database.close()


def ingest_worker(settings: BackendSettings, database: Database) -> Worker:
    """The share of the ingest that falls to this process."""
    pace = Pace(adopt_after_ms=round(settings.ingest_adopt_after_s * 1000))
    connection = partial(member_connection, settings)
    return Worker(
        database,
        connection,
        retention_days=settings.retention_days,
        dead_letters_per_day=settings.dead_letters_per_day,
        pace=pace,
    )


async def run_roles(
    settings: ServeSettings,
    roles: Collection[Role],
    listener: socket.socket | None,
    *,
    ready: asyncio.Event | None = None,
) -> None:
    """Run until cancelled; `ready` is set once all of them have begun.

    A role that crashes ends the process: nobody restarts what he does not understand.
    """
    database = Database(settings.database_url)
    try:
        await require_schema(database)
        async with _observed(database):
            await _run(settings, roles, listener, database, ready or asyncio.Event())
    finally:
        await database.close()


async def _run(
    settings: ServeSettings,
    roles: Collection[Role],
    listener: socket.socket | None,
    database: Database,
    ready: asyncio.Event,
) -> None:
    tokens = Tokens(
        settings.secret_key.get_secret_value(), lifetime_s=settings.access_token_s, refresh_s=settings.refresh_token_s
    )
    connected = metrics.MQTT_CONNECTIONS.labels("bus").inc
    bus = MqttClient(connection(settings, "bus"), on_connected=connected)
    services = Services(settings, database, bus, tokens)
    async with _kicker(settings) as kicker, asyncio.TaskGroup() as tasks:
        tasks.create_task(bus.run(), name="bus")
        hub = fleets = None
        if Role.LIVE in roles:
            hub = Hub(connection(settings, "live"), database)
            fleets = Fleets(connection(settings, "fleets"), database)
            tasks.create_task(hub.run(), name="live")
            tasks.create_task(fleets.run(), name="fleets")
        if Role.INGEST in roles:
            tasks.create_task(ingest_worker(settings, database).run(), name="ingest")
        if Role.DISPATCH in roles:
            to_broker = connection(settings, "dispatch", keep_alive_s=KEEP_ALIVE_S)
            dispatcher = Dispatcher(database, over(to_broker), now_ms=wall_clock)
            tasks.create_task(dispatcher.run(), name="dispatch")
        if Role.JOBS in roles:
            jobs = Jobs(
                database,
                bus,
                connection=connection(settings, "jobs"),
                retention_days=settings.retention_days,
                now_ms=wall_clock,
                kicker=kicker,
            )
            tasks.create_task(jobs.run(), name="jobs")
        if listener is not None:
            # It imports much, reads files and builds every route: not in the loop that others wait for.
            web = await asyncio.to_thread(_web, services, hub, fleets, roles, listener)
            tasks.create_task(services.refusals.run(database, services.now_ms), name="refusals")
            tasks.create_task(web, name="web")
        spare_the_collector()
        log.info("begun", roles=",".join(sorted(roles)))
        ready.set()


def _web(
    services: Services, hub: Hub | None, fleets: Fleets | None, roles: Collection[Role], listener: socket.socket
) -> Coroutine[Any, Any, None]:
    """The web server, ready to run; what it is made of takes its time and memory, and an ingest needs none of it."""
    from sunsweep.server.api import create_app  # noqa: PLC0415  FastAPI and all endpoints
    from sunsweep.server.gate import guarded  # noqa: PLC0415  Starlette
    from sunsweep.server.web import serve  # noqa: PLC0415  uvicorn

    app = create_app(services, hub, fleets, roles=roles)
    settings = services.settings
    return serve(guarded(app, settings), listener, trusted_proxies=settings.trusted_proxies)


@asynccontextmanager
async def _observed(database: Database) -> AsyncIterator[None]:
    """What can be seen of the process as a whole: traces, stalls of the loop, the database's connections."""
    for name, pool in database.pools.items():
        metrics.DATABASE_CONNECTIONS.labels(name).set_function(pool.checkedout)
    async with traced():
        with watched_loop():
            yield


@asynccontextmanager
async def _kicker(settings: BackendSettings) -> AsyncIterator[EmqxAdmin | None]:
    """What ends sessions at EMQX; the local broker does it by itself."""
    admin = emqx_admin(settings)
    try:
        yield admin
    finally:
        if admin is not None:
            await admin.close()


def spare_the_collector() -> None:
    """Have the garbage collector pass over what lives as long as the process, and look more seldom at the rest.

    Messages are many, short-lived and in no cycles; at the default thresholds a third of the ingest's time went into
    looking at them and, over and over, at every imported module.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
