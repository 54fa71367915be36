"""`WS /realtime/{machine_id}`: a snapshot first, then every message as it comes."""

import asyncio

from fastapi import APIRouter, WebSocket

from sunsweep.contract.frames import FrameType, frame
from sunsweep.server.db.models import Machine
from sunsweep.server.events import presence_data
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.features.machines.service import known
from sunsweep.server.features.machines.shapes import status_data, telemetry_data
from sunsweep.server.features.requests import AskedCompany, company, services
from sunsweep.server.features.services import Services
from sunsweep.server.features.telemetry.service import read_instant
from sunsweep.server.live.admission import accepted, serve, viewer_of
from sunsweep.server.live.catch_up import look_again, show_news, take_in
from sunsweep.server.live.hub import Hub, Watched
from sunsweep.server.live.replay import replay
from sunsweep.server.live.viewer import Viewer

router = APIRouter()


@router.websocket("/realtime/{machine_id}")
async def realtime(
    socket: WebSocket,
    machine_id: str,
    company_id: AskedCompany = None,
    since: str | None = None,
) -> None:
    """One machine, every message of it."""
    held = services(socket)
    hub: Hub = socket.app.state.hub
    async with accepted(socket):
        who = await viewer_of(socket)
        owner = company(who, company_id)
        since_ms = None if since is None else read_instant(since, "since")
        async with held.database.read() as unit:
            machine = await known(unit, owner, machine_id)
        async with hub.watch(machine, who) as (watched, viewer):
            await serve(socket, viewer.revoked, _show(socket, held, machine, watched, viewer, since_ms))


async def _show(
    socket: WebSocket, held: Services, machine: Machine, watched: Watched, viewer: Viewer, since_ms: int | None
) -> None:
    await _snapshot(socket, held, machine, watched)
    if since_ms is not None:
        await replay(socket, held, machine, since_ms)
    looking = asyncio.create_task(look_again(held, machine, watched), name="viewer-look-again")
    try:
        await _send(socket, machine.serial, viewer, held)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _send(socket: WebSocket, serial: str, viewer: Viewer, held: Services) -> None:
    while True:
        lost, frames = await viewer.take()
        if lost:
            await socket.send_text(frame(FrameType.LAGGED, serial, held.now_ms(), {"lost": lost}))
        for text in frames:
            await socket.send_text(text)


async def _snapshot(socket: WebSocket, held: Services, machine: Machine, watched: Watched) -> None:
    """What the database and the frames before this viewer's say together."""
    async with held.database.read() as unit:
        row = await machines.status(unit, machine.id)
    if row is not None and watched.is_known:
        # What is news to this viewer may be news to the others too.
        show_news(watched, row)
    elif row is not None:
        take_in(watched.current, row)
    watched.is_known = True
    newest = watched.current
    presence = presence_data(newest.presence, newest.presence_since, newest.presence_cause)
    data = {"status": status_data(newest), "telemetry": telemetry_data(newest), **presence}
    await socket.send_text(frame(FrameType.SNAPSHOT, machine.serial, held.now_ms(), data))
