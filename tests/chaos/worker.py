"""Parts of the backend as a service manager would run them: started again whenever they have ended."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import IO

import psutil

from sunsweep.server.settings import ServeSettings
from tests.support.processes import ingest_process, serve_process

RESTART_S = 0.2
Start = Callable[[IO[bytes]], AbstractAsyncContextManager[asyncio.subprocess.Process]]


class Worker:
    """The process that runs now, what the ones before it ended with, and what all of them said on stderr."""

    def __init__(self, start: Start, log: Path) -> None:
        self.ended: list[int] = []
        self._start = start
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def crashed(self) -> bool:
        """Whether one ended with more than a plain word: the database may be away at its start, and that it says."""
        return "Traceback" in self._log.read_text()

    async def run(self) -> None:
        while True:
            with self._log.open("ab") as words:
                async with self._start(words) as process:
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
    """So many ingests, kept running."""
    them = [
        Worker(lambda words: ingest_process(settings, stderr=words), folder / f"ingest-{number}.log")
        for number in range(count)
    ]
    async with AsyncExitStack() as stack:
        for worker in them:
            await stack.enter_async_context(_kept_running(worker))
        yield them


@asynccontextmanager
async def jobs_worker(settings: ServeSettings, folder: Path) -> AsyncIterator[Worker]:
    """The jobs, kept running."""
    worker = Worker(lambda words: serve_process(settings, "jobs", stderr=words), folder / "jobs.log")
    async with _kept_running(worker):
        yield worker


@asynccontextmanager
async def _kept_running(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run(), name="kept-running")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
