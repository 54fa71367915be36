"""Traces, for who asks: with `sunsweep[otel]` installed and OTEL_EXPORTER_OTLP_ENDPOINT set. Otherwise nothing.

Sampling, batching, headers and the rest are the SDK's own `OTEL_*` variables.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from threading import Thread
from typing import Any, Final, Protocol

import structlog

log = structlog.get_logger(__name__)

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_FLUSH_WITHIN_S: Final = 2.0

Value = str | int


class Span(Protocol):
    """What is under way; OpenTelemetry's own has more."""

    def set_attribute(self, key: str, value: Value) -> None: ...

    def update_name(self, name: str) -> None: ...


Begin = Callable[..., AbstractContextManager[Any]]

_NOTHING: Final = nullcontext()
_begin: Begin | None = None


def span(name: str, **attributes: Value) -> AbstractContextManager[Span | None]:
    """Something that takes a while, within what is under way; None where nobody traces."""
    if _begin is None:
        return _NOTHING
    return _begin(name, attributes=attributes)


def is_on() -> bool:
    """Whether anybody traces."""
    return _begin is not None


def begin_with(begin: Begin | None) -> None:
    """From now on spans begin with a tracer's `start_as_current_span`; None: nowhere."""
    global _begin  # noqa: PLW0603  one for the process, as metrics are
    _begin = begin


@asynccontextmanager
async def traced() -> AsyncIterator[None]:
    """Trace this process, where its environment asks for it."""
    if is_on() or not any(os.environ.get(name) for name in ENDPOINTS):
        yield
        return
    try:
        # Only now: without the variable nothing of it is imported.
        from sunsweep.server.otlp import tracing_provider  # noqa: PLC0415
    except ImportError as error:
        log.warning("there are no traces: install sunsweep[otel]", error=str(error))
        yield
        return
    provider = await asyncio.to_thread(tracing_provider)
    begin_with(provider.get_tracer("sunsweep").start_as_current_span)
    try:
        yield
    finally:
        begin_with(None)
        await _flush(provider.shutdown)


async def _flush(shutdown: Callable[[], None]) -> None:
    """Send what is left. A collector that does not answer holds nobody up: the thread is nobody's to wait for."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        shutdown()
        # Where the loop did not wait so long, there is nobody to tell.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(done.set)

    Thread(target=work, name="last-traces", daemon=True).start()
    try:
        async with asyncio.timeout(_FLUSH_WITHIN_S):
            await done.wait()
    except TimeoutError:
        log.warning("the last traces could not be sent in time")
