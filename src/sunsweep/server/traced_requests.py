"""A span a request, named by its route; where nobody traces it is not there at all."""

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sunsweep.server.tracing import span


class TracedRequests:
    """Plain ASGI. The query is left out, for it may carry a token."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        status = 0

        async def seen(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        with span(method, **{"http.request.method": method}) as request:
            try:
                await self._app(scope, receive, seen)
            finally:
                if request is not None:
                    request.update_name(f"{method} {_route(scope)}".strip())
                    request.set_attribute("http.route", _route(scope))
                    request.set_attribute("http.response.status_code", status or 500)


def _route(scope: Scope) -> str:
    """The pattern of the path, not the path: names of spans are few."""
    route: Any = scope.get("route")
    return str(getattr(route, "path", ""))
