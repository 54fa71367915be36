"""Traces: whole and truthful where they are asked for, and not there at all where they are not."""

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from sunsweep.server import tracing
from sunsweep.server.tracing import span, traced
from tests.support.command import ended_program
from tests.support.platform import Platform, eventually, topic

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What a tracer keeps that everybody begins with."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.begin_with(provider.get_tracer("test").start_as_current_span)
    yield exporter
    tracing.begin_with(None)
    provider.shutdown()


def children(spans: list[ReadableSpan], parent: ReadableSpan) -> list[str]:
    assert parent.context is not None
    mine = [one for one in spans if one.parent is not None and one.parent.span_id == parent.context.span_id]
    return [one.name for one in sorted(mine, key=lambda one: one.start_time or 0)]


async def test_a_batch_a_request_and_a_command_leave_spans(spans: InMemorySpanExporter, platform: Platform) -> None:
    login = await platform.add_machine("M-1")
    payload = json.dumps({"battery": 12, "ts": datetime.now(UTC).isoformat(), "boot": 7, "seq": 1}).encode()
    async with platform.mqtt(login.mqtt_username, login.mqtt_password, topic(login, "command")) as machine:
        await machine.publish(topic(login, "telemetry"), payload, qos=1)
        await platform.call(
            "POST", "/machines/M-1/commands", as_="operator@example.com", json={"command": "stop_cleaning"}
        )

        async def all_there() -> bool:
            names = {one.name for one in spans.get_finished_spans()}
            return {"ingest batch", "receipts", "publish command"} <= names and any("job " in name for name in names)

        await eventually(all_there)
    await platform.stop_backend()
    found = list(spans.get_finished_spans())
    batches = [one for one in found if one.name == "ingest batch" and (one.attributes or {})["rows"] == 1]
    assert batches
    for batch in batches:
        assert children(found, batch) == ["lookup", "decode", "commit", "acknowledge"]
        assert batch.parent is None
    measured = [one for one in batches if (one.attributes or {})["bytes"] == len(payload)]
    assert [(one.attributes or {})["member"] for one in measured] == [0]
    (asked,) = [one for one in found if one.name == "POST /api/v1/machines/{machine_id}/commands"]
    assert (asked.attributes or {})["http.response.status_code"] == 202


async def test_a_request_that_leads_nowhere_has_no_name_of_its_own(
    spans: InMemorySpanExporter, platform: Platform
) -> None:
    async with platform.web() as client:
        await client.get("/nowhere/at/all?token=secret")
    (asked,) = [
        one for one in spans.get_finished_spans() if (one.attributes or {}).get("http.response.status_code") == 404
    ]
    assert asked.name == "GET"
    assert "secret" not in asked.to_json()


async def test_without_the_variable_nothing_is_imported() -> None:
    """Nothing of ours: FastAPI itself needs OpenTelemetry's API, which does nothing."""
    program = """
import asyncio, sys
import sunsweep.cli.verbs
from sunsweep.server.tracing import is_on, traced
async def main():
    async with traced():
        assert not is_on()
asyncio.run(main())
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
"""
    ended = await ended_program(sys.executable, "-c", program, env={ENDPOINT: ""})
    assert (ended.out.strip(), ended.code) == ("[]", 0), ended.err


async def test_without_the_extra_the_log_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "sunsweep.server.otlp", None)
    with capture_logs() as logs:
        async with traced():
            assert not tracing.is_on()
    assert ["sunsweep[otel]" in line["event"] for line in logs] == [True]


class Collector(BaseHTTPRequestHandler):
    """Takes traces and remembers what it was sent; while `deaf`, it does not answer."""

    sent: list[tuple[str, bytes]]
    deaf: Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.sent.append((self.path, body))
        self.deaf.wait(20)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Collector]]:
    class Mine(Collector):
        sent: list[tuple[str, bytes]] = []  # noqa: RUF012
        deaf = Event()

    with HTTPServer(("127.0.0.1", 0), Mine) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{server.server_port}")
        Mine.deaf.set()
        yield Mine
        Mine.deaf.set()
        server.shutdown()
        thread.join()


async def test_spans_are_sent_where_the_variable_says(collector: type[Collector]) -> None:
    async with traced():
        with span("something", rows=3):
            await asyncio.sleep(0)
    ((path, body),) = collector.sent
    assert path == "/v1/traces"
    assert b"something" in body
    assert b"sunsweep" in body
    assert not tracing.is_on()


async def test_a_collector_that_does_not_answer_holds_nobody_up(
    collector: type[Collector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "_FLUSH_WITHIN_S", 0.2)
    collector.deaf.clear()
    with capture_logs() as logs:
        async with traced():
            with span("something"):
                await asyncio.sleep(0)
    assert [line["event"] for line in logs] == ["the last traces could not be sent in time"]
    collector.deaf.set()
