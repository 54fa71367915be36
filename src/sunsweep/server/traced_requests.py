"""A span a request, named by its route; where nobody traces it is not there at all."""

from starlette.routing import Route
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
                    route = _route(scope)
                    request.update_name(f"{method} {route}".strip())
                    request.set_attribute("http.route", route)
                    request.set_attribute("http.response.status_code", status or 500)


def _route(scope: Scope) -> str:
    """The pattern of the path, not the path: names of spans are few."""
    route = scope.get("route")
    if not isinstance(route, Route):
        return ""
    # A router that was included knows its own part of the path only.
    own, asked = route.path.split("/"), scope["path"].split("/")
    return "/".join([*asked[: len(asked) - len(own) + 1], *own[1:]])
