"""What every viewer's socket begins and ends with: who may look, and the codes that it is closed with."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from fastapi import WebSocket, WebSocketDisconnect
from sqlalchemy.exc import SQLAlchemyError

from sunsweep.contract.frames import FORBIDDEN, REVOKED, TRY_AGAIN, UNAUTHENTICATED, Close
from sunsweep.contract.limits import MAX_PAYLOAD_BYTES
from sunsweep.server.errors import InvalidError, NotFoundError, UnauthenticatedError
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.accounts.roles import Principal
from sunsweep.server.features.requests import COOKIE, bearer, is_own_origin, services

_TOO_MUCH: Final = Close(1009, "viewers have nothing to say")
_CLOSE_WITHIN_S: Final = 1.0
_AWAY: Final = (SQLAlchemyError, TimeoutError)


@asynccontextmanager
async def accepted(socket: WebSocket) -> AsyncIterator[None]:
    """The socket is accepted before it is closed with a code, as browsers see no other."""
    await socket.accept(subprotocol="bearer" if "bearer" in _subprotocols(socket) else None)
    try:
        yield
    except UnauthenticatedError:
        await _close(socket, UNAUTHENTICATED)
    except NotFoundError:
        await _close(socket, FORBIDDEN)
    except InvalidError as refusal:
        await _close(socket, Close(1008, refusal.detail))
    except _AWAY:
        await _close(socket, TRY_AGAIN)


async def viewer_of(socket: WebSocket) -> Principal:
    """Who asks to look; raises `UnauthenticatedError`."""
    held = services(socket)
    return await accounts.principal(held.database, held.tokens, _token(socket), now_ms=held.now_ms())


async def serve(socket: WebSocket, revoked: asyncio.Event, showing: Coroutine[Any, Any, None]) -> None:
    """Until the viewer leaves, or may look no longer."""
    work = [
        asyncio.create_task(showing, name="viewer-show"),
        asyncio.create_task(_listen(socket), name="viewer-listen"),
        asyncio.create_task(revoked.wait(), name="viewer-revoked"),
    ]
    try:
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in work:
            task.cancel()
        outcomes = await asyncio.gather(*work, return_exceptions=True)
    if revoked.is_set():
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
