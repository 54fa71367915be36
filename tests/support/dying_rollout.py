"""A roll-out that kills itself before its n-th statement, forked so that its start costs little."""

import asyncio
import multiprocessing
import os
import signal
from itertools import count
from typing import Any, Final

from sqlalchemy import event

from sunsweep.mqtt.client import MqttClient
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.dispatch.rollout import Rollout
from sunsweep.server.roles import connection
from sunsweep.server.settings import ServeSettings

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


async def step_until_killed(settings: ServeSettings, statement: int) -> bool:
    """One step; whether it has died of it before its end."""
    process = _CONTEXT.Process(target=_main, args=(settings.model_dump(mode="python"), statement), daemon=True)
    await asyncio.to_thread(process.start)
    try:
        await asyncio.to_thread(process.join, 60)
        assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
        return process.exitcode != 0
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


def _main(values: dict[str, object], statement: int) -> None:
    asyncio.run(_run(ServeSettings.model_validate(values), statement))


async def _run(settings: ServeSettings, statement: int) -> None:
    database = Database(settings.database_url)
    numbers = count(1)

    def die(*_: Any) -> None:
        if next(numbers) == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database._engine.sync_engine, "before_cursor_execute", die)
    event.listen(database._engine.sync_engine, "commit", die)
    await Rollout(database, MqttClient(connection(settings, "rollout")), wall_clock).step()
    await database.close()
