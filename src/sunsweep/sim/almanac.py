"""Gets the table of a site's day: from a file if it was made before, else made in a process of its own."""

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Final

import msgspec

from sunsweep.sim.site import Site
from sunsweep.sim.sky import SkyTable

_FORMAT: Final = 1
_log = logging.getLogger(__name__)


class NoSky(Exception):  # noqa: N818  named after what it is
    """The table could not be made."""


async def sky_table(site: Site, *, cache: Path | None = None) -> SkyTable:
    """Seconds the first time, a millisecond after that; the event loop stays free. Raises `NoSky`."""
    file = None if cache is None else cache / f"sky-{_FORMAT}-{site.name}.json"
    if file is not None and (known := await asyncio.to_thread(_read, file)) is not None:
        return known
    made = await _make(site)
    if file is not None:
        await asyncio.to_thread(_write, file, made)
    return msgspec.json.decode(made, type=SkyTable)


async def _make(site: Site) -> bytes:
    _log.info("working out a clear day at %s: a few seconds, once", site.name)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sunsweep.sim.clear_sky", stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        made, complaints = await process.communicate(msgspec.json.encode(site))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last_line = complaints.decode(errors="replace").strip().rpartition("\n")[2]
        raise NoSky(f"no clear day: {last_line or f'it ended with {process.returncode}'}")
    return made


def _read(file: Path) -> SkyTable | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=SkyTable)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("%s cannot be used and is made again: %s", file, error)
        return None


def _write(file: Path, made: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_bytes(made)
        part.replace(file)
    except OSError as error:
        _log.warning("the table of the sky is not kept: %s", error)
