"""`sunsweep up`: every role together, over a local broker and SQLite, until Ctrl-C."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from msgspec import to_builtins

from sunsweep.cli import banner, demo, ports
from sunsweep.cli.folder import Folder, write_secret
from sunsweep.cli.watch import watch
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.server.broker import logins
from sunsweep.server.broker.accounts import set_account
from sunsweep.server.broker.sync import keep_in_step
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.features.audit.at_broker import RefusedAtBroker
from sunsweep.server.features.machines.first_use import FirstUses
from sunsweep.server.ingest.sessions import stand_ins
from sunsweep.server.listener import listen
from sunsweep.server.roles import run_roles
from sunsweep.server.settings import Role, ServeSettings, folder_database_url

log = structlog.get_logger(__name__)

STOP_SIMULATOR_S: Final = 2.0
SIMULATE: Final = "simulate.json"


@dataclass(frozen=True, kw_only=True)
class UpOptions:
    """What `sunsweep up` is asked for."""

    host: str
    port: int
    mqtt_port: int
    data: Path
    machines: int
    speed: float
    interval_s: float
    free_ports: bool
    show: bool
    roles: Collection[Role]


async def up(options: UpOptions) -> None:
    """Run until SIGINT or SIGTERM; raises `PortError`, `FolderError`."""
    stop = _stop_signal()
    with Folder(options.data) as folder:
        if options.port == options.mqtt_port and not options.free_ports:
            raise ports.PortError(f"--port and --mqtt-port are both {options.port}; choose two different ports")
        port = ports.choose(options.host, options.port, "--port", next_free=options.free_ports)
        mqtt_port = ports.choose(options.host, options.mqtt_port, "--mqtt-port", next_free=options.free_ports, but=port)
        with listen(options.host, port) as listener:
            database = Database(folder_database_url(folder.path))
            try:
                await _run(options, folder, database, listener, mqtt_port, stop)
            finally:
                await database.close()


async def _run(
    options: UpOptions, folder: Folder, database: Database, listener: socket.socket, mqtt_port: int, stop: asyncio.Event
) -> None:
    backend = folder.backend(f"mqtt://{ports.url_host(options.host)}:{mqtt_port}")
    await upgrade(database)
    people = await demo.people(database, folder)
    machines = await demo.machines(database, folder, options.machines)
    async with database.write() as session:
        await set_account(session, backend["mqtt_username"], backend["mqtt_password"])
    shown = await logins.wanted(database)
    refused = RefusedAtBroker(database, now_ms=wall_clock)
    used = FirstUses(database, now_ms=wall_clock)
    broker = LocalBroker(
        folder.broker, host=options.host, port=mqtt_port, on_refused=refused.seen, on_connected=used.saw
    )
    port = listener.getsockname()[1]
    settings = ServeSettings.of_folder(folder.path, host=options.host, port=port, mqtt_door=True)
    write_secret(folder.path / SIMULATE, to_builtins(machines))
    members = partial(stand_ins, database, backend["mqtt_username"], backend["mqtt_password"])
    try:
        await broker.start(await logins.broker_users(database), await members())
        ready = asyncio.Event()
        in_step = keep_in_step(database, broker, shown=shown, now_ms=wall_clock, members=members)
        async with asyncio.TaskGroup() as tasks:
            parts = [
                tasks.create_task(broker.run(), name="broker"),
                tasks.create_task(in_step, name="broker-logins"),
                tasks.create_task(refused.run(), name="broker-refusals"),
                tasks.create_task(used.run(), name="broker-first-uses"),
                tasks.create_task(run_roles(settings, options.roles, listener, ready=ready), name="roles"),
            ]
            await ready.wait()
            banner.show(settings, folder, people, machines[0].machine_id if machines else None)
            # First the machines, so that they say farewell while the backend still listens.
            await _field(options, folder, settings, stop, [machine.machine_id for machine in machines])
            for part in parts:
                part.cancel()
    finally:
        await broker.stop()
        await refused.write_rest()


async def _field(
    options: UpOptions, folder: Folder, settings: ServeSettings, stop: asyncio.Event, machines: list[str]
) -> None:
    """Keep the simulated machines running until told to stop."""
    async with asyncio.TaskGroup() as tasks:
        running = []
        if machines:
            running.append(tasks.create_task(_simulator(options, folder, settings.mqtt_url), name="simulator"))
            if options.show:
                running.append(tasks.create_task(watch(settings, folder, machines[0]), name="watch"))
        await stop.wait()
        for task in running:
            task.cancel()


async def _simulator(options: UpOptions, folder: Folder, mqtt_url: str) -> None:
    """The simulated machines are a process of their own, as real ones are; one that ends is started again."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sunsweep.sim",
            "--credentials", str(folder.path / SIMULATE),
            "--broker", mqtt_url,
            "--speed", str(options.speed),
            "--interval", str(options.interval_s),
            "--cache", str(folder.cache),
            "--parent", str(os.getpid()),
            "--log-level", "WARNING",
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise
        log.warning("the simulator has ended; it is started again", exit_code=code)
        await asyncio.sleep(1)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SIMULATOR_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _stop_signal() -> asyncio.Event:
    """Set by the first SIGINT or SIGTERM; a second means now."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    return stop
