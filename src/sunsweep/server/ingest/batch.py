"""Many messages to one commit."""

import asyncio
from typing import Final

from sunsweep.mqtt.port import Message
from sunsweep.server.ingest.consume import Inbox

MAX_ROWS: Final = 1000
MAX_BYTES: Final = 4 * 2**20
"""Escaped, and beside the newest state, it must pass as one packet of the database: MariaDB takes 16 MiB."""
LINGER_S: Final = 0.008


async def next_batch(inbox: Inbox, *, idle_s: float) -> list[Message]:
    """Up to 1,000 messages or 4 MiB, 8 ms after the first at the latest; empty where none came for `idle_s`."""
    try:
        async with asyncio.timeout(idle_s):
            await inbox.wait()
    except TimeoutError:
        return []
    if len(inbox) < MAX_ROWS:
        await asyncio.sleep(LINGER_S)
    return inbox.take(MAX_ROWS, max_bytes=MAX_BYTES)
