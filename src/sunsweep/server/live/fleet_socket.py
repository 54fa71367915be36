"""`WS /realtime`: a snapshot of each machine of a company first, then once a second what has changed.

`?batch=true` is for programs to which five thousand messages cost more than one: a message is then a JSON array of
frames. An empty array ends the snapshots, and says later, where nothing happens, that the connection stands.
"""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, WebSocket

from sunsweep.contract.frames import FrameType, frame
from sunsweep.server.features.accounts.service import known_company
from sunsweep.server.features.requests import AskedCompany, company, services
from sunsweep.server.features.services import Services
from sunsweep.server.live.admission import accepted, serve, viewer_of
from sunsweep.server.live.fleet import Fleet
from sunsweep.server.live.fleet_viewer import MAX_FRAMES, FleetViewer
from sunsweep.server.live.fleets import Fleets

BEAT_S: Final = 5.0

router = APIRouter()


@router.websocket("/realtime")
async def realtime(socket: WebSocket, company_id: AskedCompany = None, batch: bool = False) -> None:  # noqa: FBT001, FBT002  query parameters
    """A whole company, the newest of each machine."""
    held = services(socket)
    async with accepted(socket):
        who = await viewer_of(socket)
        owner = company(who, company_id)
        async with held.database.read() as unit:
            await known_company(unit, owner)
        async with _fleets(socket).watch(owner, who) as (fleet, viewer):
            await serve(socket, viewer.revoked, _show(socket, held, fleet, viewer, is_batch=batch))


async def _show(socket: WebSocket, held: Services, fleet: Fleet, viewer: FleetViewer, *, is_batch: bool) -> None:
    serials = list(fleet.members)
    for start in range(0, len(serials), MAX_FRAMES):
        # Of this moment: what is newer waits in the queue already, or comes with the next tick.
        living = [
            (serial, fleet.members[serial]) for serial in serials[start : start + MAX_FRAMES] if serial in fleet.members
        ]
        now_ms = held.now_ms()
        snapshots = [frame(FrameType.SNAPSHOT, serial, now_ms, member.snapshot()) for serial, member in living]
        await _send(socket, snapshots, is_batch=is_batch)
    if is_batch:
        await _send(socket, (), is_batch=True)
    while True:
        lost, frames = await viewer.take(within_s=BEAT_S if is_batch else None)
        told = [frame(FrameType.LAGGED, serial, held.now_ms(), {"lost": number}) for serial, number in lost.items()]
        for start in range(0, len(told), MAX_FRAMES):
            await _send(socket, told[start : start + MAX_FRAMES], is_batch=is_batch)
        await _send(socket, frames, is_batch=is_batch)


def _fleets(socket: WebSocket) -> Fleets:
    found: Fleets = socket.app.state.fleets
    return found


async def _send(socket: WebSocket, frames: Sequence[str], *, is_batch: bool) -> None:
    for text in (f"[{','.join(frames)}]",) if is_batch else frames:
        await socket.send_text(text)
