"""`sunsweep-machine run` as a process of its own, and what its state folder holds after its end."""

import asyncio
import json
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sunsweep.machine.disk import FILE
from sunsweep.server.features.machines.service import Login

ENDS_WITHIN_S = 5.0


class Kept(NamedTuple):
    """The newest boot and how far it went, and the numbers that wait, of whatever boot."""

    boot: int
    last_seq: int
    waiting: Counter[tuple[int, int]]


@dataclass
class Running:
    """One start of the program, and its words."""

    process: asyncio.subprocess.Process
    _log: Path
    _log_before: int

    @property
    def said(self) -> str:
        return self._log.read_bytes()[self._log_before :].decode()

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def end(self) -> None:
        """As systemd ends it."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(ENDS_WITHIN_S):
            assert await self.process.wait() == 0, self.said


@dataclass(frozen=True)
class Site:
    """A machine's file and its state folder."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def configure(self, login: Login, url: str, *, interval_s: float) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "machine.toml").write_text(
            f'broker = "{url}"\ncompany_id = {login.company_id}\nmachine_id = "{login.machine_id}"\n'
            f'mqtt_username = "{login.mqtt_username}"\nmqtt_password = "{login.mqtt_password}"\n'
            f'telemetry_interval_s = {interval_s}\nstate_dir = "{self.state}"\ntrust_clock = true\ndriver = "bench"\n'
        )

    @asynccontextmanager
    async def program(self) -> AsyncIterator[Running]:
        """Killed at the end where it still runs."""
        log = self.folder / "machine.log"
        with log.open("ab") as words:
            before = words.tell()
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "sunsweep.machine.main", "run", "--config", str(self.folder / "machine.toml")),
                stdin=asyncio.subprocess.DEVNULL,
                stderr=words,
            )
        running = Running(process, log, before)
        try:
            yield running
        finally:
            if process.returncode is None:
                await running.kill()

    def kept(self) -> Kept | None:
        """None before the first boot. It reads a copy: what the next start finds is as the last one left it."""
        if not (self.state / FILE).exists():
            return None
        with tempfile.TemporaryDirectory() as copy:
            for name in (FILE, f"{FILE}-wal"):
                if (self.state / name).exists():
                    shutil.copy(self.state / name, copy)
            with closing(sqlite3.connect(Path(copy) / FILE)) as file:
                if not file.execute("SELECT 1 FROM sqlite_schema WHERE name = 'kept'").fetchall():
                    return None
                now = file.execute("SELECT value FROM kept WHERE name = 'now'").fetchall()
                waiting = Counter(file.execute("SELECT boot, seq FROM entry").fetchall())
        if not now:
            return None
        boot, last_seq = json.loads(now[0][0])
        return Kept(boot, last_seq, waiting)
