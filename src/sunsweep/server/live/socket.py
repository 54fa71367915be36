"""`WS /realtime/{machine_id}`: a snapshot first, then every message as it comes."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from sqlalchemy.exc import SQLAlchemyError

from sunsweep.contract.frames import FORBIDDEN, REVOKED, TRY_AGAIN, UNAUTHENTICATED, Close, FrameType, frame
from sunsweep.contract.limits import MAX_PAYLOAD_BYTES
from sunsweep.server.db.models import Machine
from sunsweep.server.errors import InvalidError, NotFoundError, UnauthenticatedError
from sunsweep.server.events import presence_data
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.features.machines.service import known
from sunsweep.server.features.machines.shapes import status_data, telemetry_data
from sunsweep.server.features.requests import COOKIE, AskedCompany, bearer, company, is_own_origin, services
from sunsweep.server.features.services import Services
from sunsweep.server.features.telemetry.service import read_instant
from sunsweep.server.live.catch_up import look_again, take_in
from sunsweep.server.live.hub import Hub, Watched
from sunsweep.server.live.replay import replay
from sunsweep.server.live.viewer import Viewer

_TOO_MUCH: Final = Close(1009, "viewers have nothing to say")

router = APIRouter()

_CLOSE_WITHIN_S: Final = 1.0
_AWAY: Final = (SQLAlchemyError, TimeoutError)


@router.websocket("/realtime/{machine_id}")
async def realtime(
    socket: WebSocket,
    machine_id: str,
    company_id: AskedCompany = None,
    since: str | None = None,
) -> None:
    """The viewer's socket; accepted before it is closed with a code, as browsers see no other."""
    held = services(socket)
    await socket.accept(subprotocol="bearer" if "bearer" in _subprotocols(socket) else None)
    try:
        who = await accounts.principal(held.database, held.tokens, _token(socket), now_ms=held.now_ms())
        owner = company(who, company_id)
        since_ms = None if since is None else read_instant(since, "since")
        async with held.database.read() as unit:
            machine = await known(unit, owner, machine_id)
    except UnauthenticatedError:
        await _close(socket, UNAUTHENTICATED)
        return
    except NotFoundError:
        await _close(socket, FORBIDDEN)
        return
    except InvalidError as refusal:
        await _close(socket, Close(1008, refusal.detail))
        return
    except _AWAY:
        await _close(socket, TRY_AGAIN)
        return
    hub: Hub = socket.app.state.hub
    async with hub.watch(machine, who) as (watched, viewer):
        await _serve(socket, viewer, _show(socket, held, machine, watched, viewer, since_ms))


async def _serve(socket: WebSocket, viewer: Viewer, showing: Coroutine[Any, Any, None]) -> None:
    """Until the viewer leaves, or may look no longer."""
    work = [
        asyncio.create_task(showing, name="viewer-show"),
        asyncio.create_task(_listen(socket), name="viewer-listen"),
        asyncio.create_task(viewer.revoked.wait(), name="viewer-revoked"),
    ]
    try:
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in work:
            task.cancel()
        outcomes = await asyncio.gather(*work, return_exceptions=True)
    if viewer.revoked.is_set():
        await _close(socket, REVOKED)
    elif any(isinstance(outcome, _AWAY) for outcome in outcomes):
        await _close(socket, TRY_AGAIN)
    else:
        _raise_faults(outcomes)


def _raise_faults(outcomes: Sequence[object]) -> None:
    """That a viewer has left, or that we leave, is no fault."""
    for outcome in outcomes:
        if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
            raise outcome


async def _listen(socket: WebSocket) -> None:
    """Viewers have nothing to say; what they say is passed over, and who says too much is closed."""
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        if len(message.get("text") or message.get("bytes") or "") > MAX_PAYLOAD_BYTES:
            await _close(socket, _TOO_MUCH)
            return


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
    if row is not None:
        take_in(watched.current, row)
    newest = watched.current
    presence = presence_data(newest.presence, newest.presence_since, newest.presence_cause)
    data = {"status": status_data(newest), "telemetry": telemetry_data(newest), **presence}
    await socket.send_text(frame(FrameType.SNAPSHOT, machine.serial, held.now_ms(), data))


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
    return socket.cookies.get(COOKIE) if is_own_origin(socket, socket.headers.get("origin", "")) else None


async def _close(socket: WebSocket, why: Close) -> None:
    """Say why and close; one who reads nothing is not waited for."""
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(_CLOSE_WITHIN_S):
            await socket.close(why.code, why.reason)
