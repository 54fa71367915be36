"""`sunsweep-machine run` in its ways: for years, once, dry, written down, lived through again."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Final

from msgspec import Struct

from sunsweep.machine.config import MachineConfig
from sunsweep.machine.disk import InUseError
from sunsweep.machine.dry_run import DryRun
from sunsweep.machine.notify import Notifier
from sunsweep.machine.ports import Clock, Hardware
from sunsweep.machine.program import Machine
from sunsweep.machine.recording import BadRecordingError, load_recording, recording, replaying
from sunsweep.machine.remote_settings import RemoteSettings
from sunsweep.machine.signals import until_signalled

NOT_RECEIPTED: Final = 1
IN_USE: Final = 1
BAD_FILE: Final = 2
_LOOK_S: Final = 0.1


class RunWish(Struct, frozen=True, kw_only=True):
    """What `run` is asked for on the command line."""

    once: bool = False
    wait_s: float = 60.0
    dry_run: bool = False
    record: Path | None = None
    replay: Path | None = None
    speed: float = 1.0


def run(wish: RunWish, config: MachineConfig, body: Callable[[], Hardware], *, clock: Clock, random: Random) -> int:
    """Work until done or told to end; what it returns is the exit code. `body` is called unless one is replayed."""
    try:
        with _hardware(wish, body, clock) as (hardware, left_s):
            return _run(wish, config, hardware, left_s, clock=clock, random=random)
    except InUseError as error:
        sys.stderr.write(f"sunsweep-machine: {error}\n")
        return IN_USE
    except BadRecordingError as error:
        sys.stderr.write(f"sunsweep-machine: {error}\n")
    except OSError as error:
        sys.stderr.write(f"sunsweep-machine: {error.filename}: {error.strerror}\n")
    return BAD_FILE


@contextmanager
def _hardware(
    wish: RunWish, body: Callable[[], Hardware], clock: Clock
) -> Iterator[tuple[Hardware, Callable[[], float] | None]]:
    left_s = None
    if wish.replay is None:
        hardware = body()
    else:
        hardware, left_s = replaying(load_recording(wish.replay), clock, speed=wish.speed)
    if wish.record is None:
        yield hardware, left_s
        return
    with wish.record.open("w", encoding="utf-8") as file:
        yield recording(hardware, file, clock), left_s


def _run(
    wish: RunWish,
    config: MachineConfig,
    hardware: Hardware,
    left_s: Callable[[], float] | None,
    *,
    clock: Clock,
    random: Random,
) -> int:
    if wish.dry_run:
        config = RemoteSettings(config).in_force
        dry = DryRun(config, hardware, clock=clock, random=random, show=_print)
        asyncio.run(until_signalled(_as_long_as(dry.run(once=wish.once), left_s, linger_s=config.telemetry_interval_s)))
        return 0
    machine = Machine(config, hardware, clock=clock, random=random, life=Notifier())
    if wish.once:
        outcome: list[int] = []
        asyncio.run(until_signalled(_once(machine, wish.wait_s, outcome)))
        return outcome[0] if outcome else NOT_RECEIPTED
    asyncio.run(until_signalled(_as_long_as(machine.run(), left_s, linger_s=config.telemetry_interval_s)))
    return 0


async def _as_long_as(work: Coroutine[Any, Any, None], left_s: Callable[[], float] | None, *, linger_s: float) -> None:
    """All of it, or until a replayed recording is over and its last reading has been sampled."""
    if left_s is None:
        await work
        return
    working = asyncio.create_task(work, name="replay")
    try:
        while not working.done() and (rest_s := left_s() + linger_s) > 0:
            await asyncio.wait([working], timeout=min(1.0, rest_s + _LOOK_S))
    finally:
        await _end(working)


async def _once(machine: Machine, wait_s: float, outcome: list[int]) -> None:
    """One sample, and whatever else is in the outbox, until the backend has it."""
    working = asyncio.create_task(machine.run(), name="once")
    try:
        async with asyncio.timeout(wait_s):
            while not working.done() and not (machine.sampled.is_set() and len(machine.outbox) == 0):
                await asyncio.wait([working], timeout=_LOOK_S)
        outcome.append(_verdict(machine))
    except TimeoutError:
        sys.stderr.write(f"sunsweep-machine: no receipt within {wait_s:.0f} s; see `sunsweep-machine check`\n")
        outcome.append(NOT_RECEIPTED)
    finally:
        await _end(working)


def _verdict(machine: Machine) -> int:
    counts = machine.outbox.counts
    if counts.rejected:
        sys.stderr.write(f"sunsweep-machine: the backend has refused {counts.rejected} of the messages\n")
        return NOT_RECEIPTED
    sys.stderr.write(f"sunsweep-machine: the backend has it ({counts.stored} messages stored)\n")
    return 0


async def _end(working: asyncio.Task[None]) -> None:
    if not working.done():
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    if not working.cancelled():
        working.result()


def _print(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()
