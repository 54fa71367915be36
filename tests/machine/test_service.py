"""Life as a service: what systemd is told, and what it is asked for."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from shutil import which

import pytest

from sunsweep.machine.clock import SystemClock
from sunsweep.machine.notify import Notifier
from sunsweep.machine.ports import Hardware, Reading
from sunsweep.machine.program import Machine
from tests.machine.broker import free_port
from tests.machine.conftest import config_for
from tests.machine.fakes import FakeBody

UNIT = Path(__file__).parents[2] / "deploy" / "machine" / "sunsweep-machine.service"


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket on which systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


async def heard(systemd: socket.socket) -> str:
    async with asyncio.timeout(10):
        return (await asyncio.get_running_loop().sock_recv(systemd, 100)).decode()


class Stuck(FakeBody):
    """Its bus hangs once `hang` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.hang = False
        self.hanging = asyncio.Event()

    async def read(self) -> Reading:
        if self.hang:
            self.hanging.set()
            await asyncio.Event().wait()
        return await super().read()


@pytest.fixture
async def working(systemd: socket.socket) -> AsyncIterator[tuple[Stuck, asyncio.Task[None]]]:
    body, environ = Stuck(), {"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "100000"}
    config = config_for(f"mqtt://127.0.0.1:{free_port()}")
    machine = Machine(config, Hardware(body, body), clock=SystemClock(), random=Random(1), life=Notifier(environ))
    task = asyncio.create_task(machine.run(), name="machine")
    yield body, task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_is_ready_once_it_knows_its_body_then_shows_life_then_says_that_it_ends(
    systemd: socket.socket, working: tuple[Stuck, asyncio.Task[None]]
) -> None:
    assert await heard(systemd) == "READY=1"
    assert [await heard(systemd) for _ in range(3)] == ["WATCHDOG=1"] * 3
    working[1].cancel()
    while (word := await heard(systemd)) == "WATCHDOG=1":
        pass
    assert word == "STOPPING=1"


async def test_no_sign_of_life_comes_from_a_program_that_no_longer_looks(
    systemd: socket.socket, working: tuple[Stuck, asyncio.Task[None]]
) -> None:
    body, _ = working
    assert await heard(systemd) == "READY=1"
    body.hang = True
    await asyncio.wait_for(body.hanging.wait(), 5)
    while _waiting(systemd):
        await heard(systemd)
    # Three times as long as a look takes to come round, thirty times systemd's patience here.
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(heard(systemd), 1.5)


def _waiting(systemd: socket.socket) -> bool:
    try:
        return bool(systemd.recv(100, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def test_signs_of_life_are_as_many_as_systemd_needs(systemd: socket.socket) -> None:
    now = [0.0]
    environ = {"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "60000000"}
    notifier = Notifier(environ, monotonic_s=lambda: now[0])
    for _ in range(240):
        notifier.alive()
        now[0] += 0.5
    words = []
    while _waiting(systemd):
        words.append(systemd.recv(100))
    assert words == [b"WATCHDOG=1"] * 8


def test_without_systemd_nobody_is_told() -> None:
    quiet = Notifier({})
    quiet.ready()
    quiet.alive()
    quiet.stopping()


@pytest.mark.skipif(which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_unit_as_it_is(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/sunsweep/bin/sunsweep-machine", sys.executable))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}, timeout=60,
    )  # fmt: skip
    about_it = [line for line in said.stderr.splitlines() if UNIT.name in line]
    assert (said.returncode, about_it) == (0, []), said.stderr


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify", "Restart=always", "WatchdogSec=60", "User=sunsweep", "StateDirectory=sunsweep-machine",
        "ProtectSystem=strict", "NoNewPrivileges=yes", "DeviceAllow=char-i2c rw", "StartLimitIntervalSec=0",
    ],
)  # fmt: skip
def test_the_unit_says(line: str) -> None:
    assert line in UNIT.read_text().splitlines()
