"""`?since=`: what a broken connection missed."""

import asyncio
from typing import Final

from fastapi import WebSocket

from sunsweep.contract.frames import FrameType, frame
from sunsweep.contract.limits import MAX_CLOCK_AHEAD_MS
from sunsweep.server.db.models import Machine, TelemetryRow
from sunsweep.server.features.services import Services
from sunsweep.server.features.telemetry.repository import Key, Span, history, samples_after
from sunsweep.server.features.telemetry.service import sample_wire

SETTLE_MS: Final = 500
"""How long a message may be under way from the broker to the database."""

MAX_SAMPLES: Final = 20_000
PAGE: Final = 1000


async def replay(socket: WebSocket, held: Services, machine: Machine, since_ms: int) -> None:
    """Show the samples up to the newest commit; what is live waits meanwhile in the viewer's queue.

    What was on its way to the database when the viewer came is waited for, so there is no gap; what came meanwhile
    may be shown twice. One who asks for too much is told how many samples are left to be read as history.
    """
    settled_ms = held.now_ms() + SETTLE_MS
    span = Span(since_ms, held.now_ms() + MAX_CLOCK_AHEAD_MS)
    after: Key = (since_ms, -1, -1)
    shown = 0
    while shown < MAX_SAMPLES:
        async with held.database.read() as unit:
            rows = await history(unit, TelemetryRow, machine.id, span, after=after, limit=PAGE)
        for row in rows:
            await socket.send_text(frame(FrameType.TELEMETRY, machine.serial, row.ts, sample_wire(row)))
            after = (row.ts, row.boot, row.seq)
        shown += len(rows)
        if len(rows) < PAGE:
            if held.now_ms() >= settled_ms:
                return
            await asyncio.sleep((settled_ms - held.now_ms()) / 1000)
    await _tell_of_the_rest(socket, held, machine, span, after)


async def _tell_of_the_rest(socket: WebSocket, held: Services, machine: Machine, span: Span, after: Key) -> None:
    async with held.database.read() as unit:
        lost = await samples_after(unit, machine.id, span, after)
    if lost:
        await socket.send_text(frame(FrameType.LAGGED, machine.serial, held.now_ms(), {"lost": lost}))
