"""`WS /realtime/{machine_id}`: a snapshot first, then every message as it comes."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketState

from sunsweep.contract.frames import FORBIDDEN, UNAUTHENTICATED, Close, FrameType, frame
from sunsweep.server.db.models import Machine, MachineStatus
from sunsweep.server.errors import InvalidError, NotFoundError, UnauthenticatedError
from sunsweep.server.events import presence_data
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.features.machines.current import Current
from sunsweep.server.features.machines.service import known
from sunsweep.server.features.machines.shapes import status_data, telemetry_data
from sunsweep.server.features.requests import COOKIE, bearer, company, services
from sunsweep.server.features.telemetry.repository import Key, Span, samples
from sunsweep.server.features.telemetry.service import read_instant, sample_wire
from sunsweep.server.live.hub import Hub, Watched
from sunsweep.server.live.viewer import Viewer
from sunsweep.server.services import Services

router = APIRouter()

_PAGE = 1000
_MAX_REPLAY = 20_000


@router.websocket("/realtime/{machine_id}")
async def realtime(
    socket: WebSocket,
    machine_id: str,
    company_id: Annotated[int | None, Query(ge=1)] = None,
    since: str | None = None,
) -> None:
    """The viewer's socket; accepted before it is closed with a code, as browsers see no other."""
    held = services(socket)
    await socket.accept(subprotocol="bearer" if "bearer" in _subprotocols(socket) else None)
    try:
        who = await accounts.principal(held.database, held.tokens, _token(socket))
        owner = company(who, company_id)
        since_ms = None if since is None else read_instant(since, "since")
        async with held.database.read() as unit:
            machine = await known(unit, owner, machine_id)
    except UnauthenticatedError:
        await _close(socket, UNAUTHENTICATED)
        return
    except (NotFoundError, InvalidError) as refusal:
        await _close(socket, FORBIDDEN if isinstance(refusal, NotFoundError) else Close(1008, refusal.detail))
        return
    hub: Hub = socket.app.state.hub
    async with hub.watch(owner, machine_id) as (watched, viewer):
        await _serve(socket, held, machine, watched, viewer, since_ms)


async def _serve(
    socket: WebSocket, held: Services, machine: Machine, watched: Watched, viewer: Viewer, since_ms: int | None
) -> None:
    """Send until the viewer leaves."""
    await _snapshot(socket, held, machine, watched)
    if since_ms is not None:
        await _replay(socket, held, machine, since_ms)
    sending = asyncio.create_task(_send(socket, machine.serial, viewer, held), name="viewer-send")
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    except RuntimeError:
        # The sender saw the viewer leave first.
        return
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send(socket: WebSocket, serial: str, viewer: Viewer, held: Services) -> None:
    while True:
        lost, frames = await viewer.take()
        if lost:
            await socket.send_text(frame(FrameType.LAGGED, serial, held.now_ms(), {"lost": lost}))
        for text in frames:
            await socket.send_text(text)


async def _snapshot(socket: WebSocket, held: Services, machine: Machine, watched: Watched) -> None:
    async with held.database.read() as unit:
        row = await machines.status(unit, machine.id)
    now_ms = held.now_ms()
    if row is None:
        data: dict[str, Any] = {"status": None, "telemetry": None, **presence_data("offline", 0, "never_heard")}
    else:
        _catch_up(watched, row)
        presence = presence_data(row.presence, row.presence_since, row.presence_cause)
        data = {"status": status_data(row), "telemetry": telemetry_data(row), **presence}
    await socket.send_text(frame(FrameType.SNAPSHOT, machine.serial, now_ms, data))


def _catch_up(watched: Watched, row: MachineStatus) -> None:
    """Let the first viewer's snapshot tell the hub what is newest, so that late messages are known as such."""
    if watched.current.machine_id == 0:
        watched.current = Current(*(getattr(row, name) for name in Current.__struct_fields__))


async def _replay(socket: WebSocket, held: Services, machine: Machine, since_ms: int) -> None:
    """What a broken connection missed, up to the newest commit; what is live waits meanwhile in the viewer's queue."""
    after: Key | None = None
    span = Span(since_ms, held.now_ms() + 300_000)
    for _ in range(_MAX_REPLAY // _PAGE):
        async with held.database.read() as unit:
            rows = await samples(unit, machine.id, span, after=after, limit=_PAGE)
        for row in rows:
            await socket.send_text(frame(FrameType.TELEMETRY, machine.serial, row.ts, sample_wire(row)))
        if len(rows) < _PAGE:
            return
        after = (rows[-1].ts, rows[-1].boot, rows[-1].seq)


def _subprotocols(socket: WebSocket) -> Sequence[str]:
    offered: Sequence[str] = socket.scope.get("subprotocols", ())
    return offered


def _token(socket: WebSocket) -> str:
    """`?token=`, the header, the subprotocol pair `bearer, <token>`, or the cookie from a page of our own."""
    offered = _subprotocols(socket)
    paired = offered[1] if len(offered) == 2 and offered[0] == "bearer" else None
    return socket.query_params.get("token") or bearer(socket) or paired or _cookie(socket) or ""


def _cookie(socket: WebSocket) -> str | None:
    """Only where the page is of this origin: a browser sends the cookie whoever's page asks (CSWSH)."""
    origin = socket.headers.get("origin", "")
    own = {f"{scheme}://{socket.headers.get('host', '')}" for scheme in ("http", "https")}
    return socket.cookies.get(COOKIE) if origin in own else None


async def _close(socket: WebSocket, why: Close) -> None:
    if socket.application_state is WebSocketState.CONNECTED:
        await socket.close(why.code, why.reason)
