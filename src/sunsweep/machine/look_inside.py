"""The part of a check that stays on the machine: its file, sensors, clock and disk."""

import asyncio
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Final

from sunsweep.contract.parameters import figure
from sunsweep.machine.findings import Finding, fail, ok, warn
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.ports import Clock, Hardware, HardwareError
from sunsweep.machine.settings import Changes

SENSORS_S: Final = 15.0
_FREE_MIB: Final = 200
_MIB: Final = 2**20


def look_at_file(path: Path) -> Finding:
    """A password lies in it."""
    found = path.stat()
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return warn("file", f"{path} can be read by others, and holds a password: chmod 600 {path}")
    return ok("file", f"{path} is its owner's alone")


def look_at_settings(changes: Changes) -> Finding:
    """What differs from the file by a `configure`."""
    if not changes:
        return ok("settings", "intervals and limits are the file's")
    said = ", ".join(f"{name} {figure(value)}" for name, value in sorted(changes.items()))
    return ok("settings", f"set from afar, over the file's: {said}")


async def look_at_sensors(hardware: Hardware, limits: Interlocks) -> list[Finding]:
    """One look through the configured driver."""
    try:
        async with asyncio.timeout(SENSORS_S):
            reading = await hardware.sensors.read()
    except HardwareError as error:
        return [fail("sensors", f"{error}. Is the wiring right, is the interface switched on (raspi-config)?")]
    except TimeoutError:
        return [fail("sensors", f"no answer within {SENSORS_S:.0f} s: the bus hangs")]
    said = {
        "battery": _figure(reading.battery_v, "V"),
        "panel volts": _figure(reading.solar_v, "V"),
        "panel amps": _figure(reading.solar_a, "A"),
        "water": _figure(reading.water_pct, "%"),
        "temperature": _figure(reading.temp_c, "°C"),
    }
    words = ", ".join(f"{name} {figure}" for name, figure in said.items() if figure is not None)
    silent = ", ".join(name for name, figure in said.items() if figure is None)
    seen = ok("sensors", words + (f"; nothing from: {silent}" if silent else ""))
    why = limits.against_start(reading, hardware.senses)
    return [seen] if why is None else [seen, warn("sensors", f"it would not start cleaning now: {why.words}")]


def look_at_clock(clock: Clock, server_ahead_s: float | None) -> Finding:
    """Against the system's own word, and a server's where one was asked."""
    aside = "" if server_ahead_s is None else f", {abs(server_ahead_s):.0f} s off the server's"
    if server_ahead_s is not None and abs(server_ahead_s) > 60:
        return fail("clock", f"it is {abs(server_ahead_s):.0f} s off the server's: is a time service running?")
    if not clock.synchronised:
        return warn("clock", f"not synchronised{aside}: nothing numbered is sent until it is (timedatectl)")
    return ok("clock", f"synchronised{aside}")


def look_at_disk(state_dir: str | None) -> Finding:
    """Where the outbox lies."""
    if state_dir is None:
        return warn("disk", "no `state_dir`: what is not yet sent is lost when the program ends")
    folder = Path(state_dir)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"sunsweep")
            file.flush()
            os.fsync(file.fileno())
        free_mib = shutil.disk_usage(folder).free // _MIB
    except OSError as error:
        return fail("disk", f"{folder} cannot be written: {error.strerror}")
    if free_mib < _FREE_MIB:
        return warn("disk", f"only {free_mib} MiB are free in {folder}")
    return ok("disk", f"{folder} can be written, {free_mib} MiB are free")


def _figure(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{value:g} {unit}"
