"""The product's ingest as a process of its own, until so many messages are committed, acknowledged and receipted.

`python bench/product.py MESSAGES`, with the settings of `sunsweep ingest` in its environment: `ready`, then JSON.
"""

import asyncio
import json
import sys
import time

import uvloop

from sunsweep.server.db.engine import Database
from sunsweep.server.ingest.pipeline import Ingest
from sunsweep.server.metrics import STORED
from sunsweep.server.roles import member_connection, spare_the_collector
from sunsweep.server.settings import BackendSettings


def stored() -> float:
    """What this process has committed and acknowledged."""
    (family,) = STORED.collect()
    return sum(sample.value for sample in family.samples if sample.name.endswith("_total"))


async def run(messages: int) -> None:
    settings = BackendSettings()
    database = Database(settings.database_url)
    ingest = Ingest(database, member_connection(settings), retention_days=settings.retention_days)
    running = asyncio.create_task(ingest.run())
    await ingest.wait_connected()
    spare_the_collector()
    print("ready", flush=True)
    cpu, began = time.process_time(), 0.0
    while stored() < messages:
        await asyncio.sleep(0.02)
        if not began and stored():
            began = time.perf_counter() - 0.02
    ended = time.perf_counter()
    print(json.dumps({"seconds": ended - began, "cpu_s": time.process_time() - cpu}), flush=True)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await database.close()


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1])))
