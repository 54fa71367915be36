"""`/metrics` and `/healthz` of a process that has no web server of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

_metrics: Final = make_wsgi_app()


class _Quiet(WSGIRequestHandler):
    """A scrape is no news."""

    def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002  its name in the library


@contextmanager
def metrics_server(host: str, port: int) -> Iterator[int]:
    """Serve from a thread; the port, which is a free one for 0. Raises OSError."""
    with make_server(host, port, _answer, ThreadingWSGIServer, _Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
    match environ["PATH_INFO"]:
        case "/metrics":
            answer: Iterable[bytes] = _metrics(environ, start_response)
            return answer
        case "/healthz":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [b'{"status":"ok"}']
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"/metrics and /healthz are here\n"]
