"""What stands before the web application, and looks at every request and every answer."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from sunsweep.server.gate.bodies import Bodies
from sunsweep.server.gate.headers import SecurityHeaders
from sunsweep.server.settings import ServeSettings

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ASKED = ("authorization", "content-type", "idempotency-key")
_TOLD = ("retry-after", "content-disposition")
_REMEMBER_S = 600


def guarded(app: ASGIApp, settings: ServeSettings) -> ASGIApp:
    """The application behind the gate. It stands outside of the application, so that errors of ours pass it too."""
    app = Bodies(app, max_bytes=settings.max_body_bytes)
    if settings.cors_origins:
        # Without credentials: another origin's page brings a token of its own, and never the login cookie.
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=_METHODS,
            allow_headers=_ASKED,
            expose_headers=_TOLD,
            max_age=_REMEMBER_S,
        )
    return SecurityHeaders(app)
