"""`sunsweep ingest` as a service manager would run it: started again whenever it has ended."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from sunsweep.server.settings import ServeSettings
from tests.support.processes import ingest_process

RESTART_S = 0.2


class Worker:
    """The process that runs now, what the ones before it ended with, and what all of them said on stderr."""

    def __init__(self, settings: ServeSettings, log: Path) -> None:
        self.ended: list[int] = []
        self._settings = settings
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def crashed(self) -> bool:
        """Whether one ended with more than a plain word: the database may be away at its start, and that it says."""
        return "Traceback" in self._log.read_text()

    async def run(self) -> None:
        while True:
            with self._log.open("ab") as words:
                async with ingest_process(self._settings, stderr=words) as process:
                    self._process = process
                    self.ended.append(await process.wait())
            await asyncio.sleep(RESTART_S)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, number)

    def limit_files(self, size: int) -> None:
        """No file may grow beyond this; `psutil.RLIM_INFINITY` lifts it."""
        if self._process is not None and self._process.returncode is None:
            psutil.Process(self._process.pid).rlimit(psutil.RLIMIT_FSIZE, (size, psutil.RLIM_INFINITY))


@asynccontextmanager
async def workers(settings: ServeSettings, count: int, folder: Path) -> AsyncIterator[list[Worker]]:
    """So many of them, kept running."""
    them = [Worker(settings, folder / f"ingest-{number}.log") for number in range(count)]
    tasks = [asyncio.create_task(worker.run(), name=f"worker-{number}") for number, worker in enumerate(them)]
    try:
        yield them
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
