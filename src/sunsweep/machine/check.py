"""`sunsweep-machine check`: what works and what does not, in plain words, also while the program runs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from sunsweep.machine.config import ConfigError, MachineConfig, load_config
from sunsweep.machine.findings import Finding, Level, fail, ok, warn
from sunsweep.machine.look_at_broker import look_at_broker
from sunsweep.machine.look_inside import look_at_clock, look_at_disk, look_at_file, look_at_sensors, look_at_settings
from sunsweep.machine.look_outside import Way, look_along, server_ahead_s
from sunsweep.machine.ports import Clock, Hardware, HardwareError
from sunsweep.machine.remote_settings import RemoteSettings
from sunsweep.machine.server_call import ServerError

FAILED: Final = 1


def check(path: Path, body: Callable[[MachineConfig], Hardware], clock: Clock, *, server: str | None = None) -> int:
    """Print a line for each finding; the exit code is 1 where something must be mended."""
    return asyncio.run(_check(path, body, clock, server))


async def _check(path: Path, body: Callable[[MachineConfig], Hardware], clock: Clock, server: str | None) -> int:
    failures = 0
    async for finding in examine(path, body, clock, server=server):
        sys.stdout.write(f"{finding}\n")
        sys.stdout.flush()
        failures += finding.level is Level.FAIL
    sys.stdout.write(f"\n{failures} to be mended\n" if failures else "\nall that is needed works\n")
    return FAILED if failures else 0


async def examine(
    path: Path, body: Callable[[MachineConfig], Hardware], clock: Clock, *, server: str | None
) -> AsyncIterator[Finding]:
    """One finding after the other, from the inside out."""
    try:
        config = await asyncio.to_thread(load_config, path)
    except ConfigError as error:
        yield fail("config", str(error))
        return
    yield ok("config", f"machine {config.machine_id} of company {config.company_id}")
    yield await asyncio.to_thread(look_at_file, path)
    settings = await asyncio.to_thread(RemoteSettings, config)
    yield look_at_settings(settings.changes)
    for finding in await _sensors(settings.in_force, body):
        yield finding
    yield await _clock(clock, server)
    yield await asyncio.to_thread(look_at_disk, config.state_dir)
    ways = [await look_along(config, endpoint, now_ms=clock.now_ms()) for endpoint in config.endpoints]
    for finding in _network(ways):
        yield finding
    if (way := next((way for way in ways if way.open), None)) is not None:
        for finding in await look_at_broker(config, way.endpoint):
            yield finding


async def _sensors(config: MachineConfig, body: Callable[[MachineConfig], Hardware]) -> list[Finding]:
    try:
        hardware = await asyncio.to_thread(body, config)
    except (ConfigError, HardwareError) as error:
        return [fail("sensors", str(error))]
    return await look_at_sensors(hardware, config.limits)


async def _clock(clock: Clock, server: str | None) -> Finding:
    if server is None:
        return look_at_clock(clock, None)
    try:
        return look_at_clock(clock, await server_ahead_s(server))
    except ServerError as error:
        return warn("clock", f"not compared: {error}")


def _network(ways: list[Way]) -> list[Finding]:
    """A way that is closed is a failure only where no other is open."""
    through = [str(way.endpoint) for way in ways if way.open]
    findings = [finding for way in ways for finding in way.findings]
    if not through:
        return [*findings, fail("network", "no broker can be reached from here")]
    softened = [finding._replace(level=min(finding.level, Level.WARN, key=_weight)) for finding in findings]
    return [*softened, ok("network", f"this network lets through {', '.join(through)}")]


def _weight(level: Level) -> int:
    return list(Level).index(level)
