"""No password, token or code that passes through the backend is in its log at its most talkative, or in a span."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from sunsweep.cli import logs
from sunsweep.server import tracing
from tests.server.viewers import url, viewing
from tests.support.platform import HOST, PASSWORD, Platform, running_platform

OURS = ("httpx", "httpcore", "websockets.client")
"""The test's own clients tell what they send."""


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.begin_with(provider.get_tracer("test").start_as_current_span)
    yield exporter
    tracing.begin_with(None)
    provider.shutdown()


@pytest.fixture
def talkative() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.set_up("DEBUG")
    for name in OURS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    yield
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


async def calls(platform: Platform) -> set[str]:
    """A day of the backend in a minute, with things that go wrong; every secret that it was told or has told."""
    machine = await platform.add_machine("SECRET-1")
    issued = (await platform.call("POST", "/machines/SECRET-1/enrolment-code")).json()["code"]
    enrolled = (await platform.call("POST", "/enrol", json={"code": issued})).json()["mqtt_password"]
    rotated = (await platform.call("POST", "/machines/SECRET-1/credentials")).json()["mqtt_password"]
    token = await platform.token()
    secrets = {PASSWORD, machine.mqtt_password, issued, enrolled, rotated, token, token.rpartition(".")[2]}
    secrets |= {platform.settings.mqtt_password.get_secret_value(), platform.settings.secret_key.get_secret_value()}
    wrong = {name: f"a-wrong-{name}-of-some-length" for name in ("password", "token", "code", "bearer")}
    form = {"username": "viewer@example.com"}
    async with platform.web("/api/v1") as web:
        session = await web.post("/auth/session", data=form | {"password": PASSWORD})
        await web.post("/auth/token", data=form | {"password": wrong["password"]})
        await web.post("/enrol", json={"code": wrong["code"]})
        await web.post("/enrol", content=b'{"code": "' + wrong["code"].encode())
        await web.get(f"/me?token={wrong['token']}", headers={"authorization": f"Bearer {wrong['bearer']}"})
    secrets |= {*wrong.values(), session.cookies["sunsweep_session"]}
    async with viewing(platform, "SECRET-1"), platform.mqtt(machine.mqtt_username, machine.mqtt_password):
        pass
    bearer = [Subprotocol("bearer"), Subprotocol(wrong["bearer"])]
    for query, offered in ((f"?token={wrong['token']}", None), ("", bearer)):
        async with connect(url(platform, "SECRET-1", query), proxy=None, subprotocols=offered) as socket:
            await socket.wait_closed()
    async with platform.web() as web:
        broken = await web.get(f"/readyz?token={wrong['token']}", headers={"cookie": f"x={wrong['bearer']}"})
    assert broken.status_code == 500
    return secrets


async def test_nothing_tells_a_secret(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    spans: InMemorySpanExporter,
    talkative: None,
) -> None:
    def broken() -> None:
        raise RuntimeError("it is broken")

    database = f"sqlite+aiosqlite:///{tmp_path / 'sunsweep.db'}"
    async with running_platform(database, tmp_path) as platform:
        monkeypatch.setattr("sunsweep.server.features.health.endpoints.troubles_here", broken)
        secrets = await calls(platform)
    out = "".join(capfd.readouterr())
    said = out + "".join(one.to_json() for one in spans.get_finished_spans())
    assert "it is broken" in out, "the log is what is looked at"
    assert HOST in said
    assert "INSERT INTO user" in out, "the log is at its most talkative"
    assert [secret for secret in secrets if secret in said] == []
