"""`/metrics` and `/healthz` of a process that has no web server of its own."""

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from sunsweep.cli.ports import require

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

PATIENCE_S: Final = 3.0
"""Less than who asks has: Kubernetes is told five seconds."""

_metrics: Final = make_wsgi_app()


class _Quiet(WSGIRequestHandler):
    """A scrape is no news."""

    def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002  its name in the library


def measured(host: str, port: int | None, variable: str) -> AbstractContextManager[int | None]:
    """With `/metrics` and `/healthz` on that port, if there is one; raises `PortError`, which names `variable`."""
    return nullcontext() if port is None else metrics_server(host, require(host, port, variable))


@contextmanager
def metrics_server(host: str, port: int, *, patience_s: float = PATIENCE_S) -> Iterator[int]:
    """Serve from a thread; the port, which is a free one for 0. Raises OSError.

    Healthy is a process whose running loop answers within `patience_s`: the thread alone would say so of a hung one.
    """
    answer = partial(_answer, get_running_loop(), patience_s)
    with make_server(host, port, answer, ThreadingWSGIServer, _Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _answer(
    loop: AbstractEventLoop, patience_s: float, environ: "WSGIEnvironment", start_response: "StartResponse"
) -> "Iterable[bytes]":
    match environ["PATH_INFO"]:
        case "/metrics":
            answer: Iterable[bytes] = _metrics(environ, start_response)
            return answer
        case "/healthz":
            moves = Event()
            loop.call_soon_threadsafe(moves.set)
            is_alive = moves.wait(patience_s)
            start_response("200 OK" if is_alive else "503 Service Unavailable", [("Content-Type", "application/json")])
            return [b'{"status":"ok"}' if is_alive else b'{"status":"the event loop stands still"}']
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"/metrics and /healthz are here\n"]
