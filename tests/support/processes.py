"""Parts of the backend as processes of their own, so that they can be killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from sunsweep.server.settings import ServeSettings

_PROGRAM = "from sunsweep.cli.main import main; main()"


@asynccontextmanager
async def ingest_process(
    settings: ServeSettings, *, stderr: IO[bytes] | None = None, **env: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`sunsweep ingest`, killed at the end where it still runs."""
    async with _process(["ingest"], settings, stderr, env) as process:
        yield process


@asynccontextmanager
async def serve_process(
    settings: ServeSettings, roles: str, *, stderr: IO[bytes] | None = None, **env: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`sunsweep serve` in these roles (comma-separated), killed at the end where it still runs."""
    env |= {
        "SUNSWEEP_SECRET_KEY": settings.secret_key.get_secret_value(),
        "SUNSWEEP_PORT": str(settings.port),
    }
    async with _process(["serve", "--roles", roles], settings, stderr, env) as process:
        yield process


@asynccontextmanager
async def _process(
    verb: list[str], settings: ServeSettings, stderr: IO[bytes] | None, env: dict[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, *verb, "--log-level", "ERROR",
        stdin=asyncio.subprocess.DEVNULL,
        stderr=stderr,
        env=os.environ | env | {
            "SUNSWEEP_DATABASE_URL": settings.database_url,
            "SUNSWEEP_MQTT_URL": settings.mqtt_url,
            "SUNSWEEP_MQTT_USERNAME": settings.mqtt_username,
            "SUNSWEEP_MQTT_PASSWORD": settings.mqtt_password.get_secret_value(),
        },
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
