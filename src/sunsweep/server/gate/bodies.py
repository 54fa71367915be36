"""Bodies of requests: bounded in bytes and in time, whether they say their length or not."""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sunsweep.server.errors import PROBLEM, FrameworkError

WITHIN_S: Final = 30.0
_END: Final = {"connection": "close"}
"""What is still to come of the body is not read: the connection ends with the answer."""


class Bodies:
    """Plain ASGI. A body that is too long by its own word is refused before a byte of it is read."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, within_s: float = WITHIN_S) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _length(scope["headers"]) > self._max_bytes:
            error = FrameworkError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_much)
            await JSONResponse(error.problem(), error.status, _END, PROBLEM)(scope, receive, send)
        else:
            await self._app(scope, _Metered(receive, self._max_bytes, self._within_s, self._too_much), send)

    @property
    def _too_much(self) -> str:
        return f"a body has at most {self._max_bytes} bytes"


class _Metered:
    """Raises what the application answers by itself."""

    def __init__(self, receive: Receive, left: int, within_s: float, too_much: str) -> None:
        self._receive = receive
        self._left = left
        self._too_much = too_much
        self._ends = asyncio.get_running_loop().time() + within_s
        self._more = True

    async def __call__(self) -> Message:
        if not self._more:
            # Only that the peer leaves is still to come.
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._ends):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "the body did not come in time", _END) from error
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_much, _END)
        self._more = message.get("more_body", False)
        return message


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """By its own word; 0 where it says none. The web server has refused what is no number."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
