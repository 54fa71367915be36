"""What stands before the web application: headers, origins, proxies, and bounds of what a caller may send."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from sunsweep.contract.frames import UNAUTHENTICATED
from sunsweep.server import web
from sunsweep.server.features.requests import COOKIE
from sunsweep.server.gate.bodies import Bodies
from sunsweep.server.listener import listen
from sunsweep.server.roles import run_roles
from sunsweep.server.settings import ServeSettings
from sunsweep.server.web import serve
from tests.server.viewers import opened
from tests.support.platform import HOST, PASSWORD, WEB_ROLES, Platform, eventually
from tests.support.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

PANEL = "https://panel.example"
LOGIN = {"username": "viewer@example.com", "password": PASSWORD}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def module_url(module_folder: Any) -> str:
    """What is asked here is not the database's to answer."""
    return f"sqlite+aiosqlite:///{module_folder / 'sunsweep.db'}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(shared: Platform) -> AsyncIterator[ServeSettings]:
    """A second process on the same database: behind a proxy, with another origin, and short of patience."""
    wish = {"port": free_port(), "trusted_proxies": (HOST,), "cors_origins": (PANEL,), "max_body_bytes": 2048}
    settings = shared.settings.model_copy(update=wish)
    running = asyncio.create_task(run_roles(settings, WEB_ROLES, listen(HOST, settings.port)))

    async def ready() -> bool:
        try:
            return (await ask(settings, "GET", "/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    try:
        await eventually(ready)
        yield settings
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def ask(settings: ServeSettings, method: str, path: str, **more: Any) -> httpx.Response:
    base = f"http://{HOST}:{settings.port}"
    async with httpx.AsyncClient(base_url=base, verify=False, trust_env=False) as client:
        return await client.request(method, path, **more)


async def raw(port: int, *parts: bytes) -> bytes:
    """Everything that is said to bytes on a bare connection, until the server ends it."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.transport.abort()


def post(length: str, path: str = "/api/v1/enrol") -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{length}\r\n\r\n".encode()


def problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head
    assert b"x-content-type-options: nosniff" in head
    return int(head.split()[1]), json.loads(body)["code"]


async def test_every_kind_of_answer_carries_the_headers(shared: Platform) -> None:
    paths = ["/app", "/app/machines/SUN-0001", "/app/nothing.js", "/docs", "/docs/oauth2-redirect", "/redoc",
             "/openapi.json", "/metrics", "/readyz", "/nothing", "/api/v1/me", "/api/v1/nothing",
             "/static-offline-docs/swagger-ui.css"]  # fmt: skip
    for path in paths:
        headers = (await ask(shared.settings, "GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["cross-origin-opener-policy"] == "same-origin", path
        assert "camera=()" in headers["permissions-policy"], path
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), path
        assert "frame-ancestors 'none'" in policy, path
        assert "'unsafe-eval'" not in policy, path
        assert ("'wasm-unsafe-eval'" in policy) == path.startswith("/app"), path
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0], path
        assert (headers.get("cache-control") == "no-store") == path.startswith("/api/"), path
        assert "strict-transport-security" not in headers, path


async def test_a_fault_of_ours_carries_them_too(shared: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunsweep.server.features.health.endpoints.troubles_here", lambda: 1 / 0)
    answer = await ask(shared.settings, "GET", "/readyz")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_the_pages_need_nothing_that_their_policies_forbid(shared: Platform) -> None:
    for path, scripts in (("/app", 0), ("/docs", 1), ("/docs/oauth2-redirect", 1), ("/redoc", 0)):
        answer = await ask(shared.settings, "GET", path)
        assert answer.text.count("<script>") == scripts, path
        assert answer.headers["content-security-policy"].count("'sha256-") == scripts, path
        assert " onclick=" not in answer.text, path


async def test_other_origins_may_call_only_where_they_are_named(shared: Platform, behind: ServeSettings) -> None:
    asks = {"origin": PANEL, "access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    assert (await ask(behind, "OPTIONS", "/api/v1/me", headers=asks)).headers["access-control-allow-origin"] == PANEL
    answer = await ask(behind, "GET", "/api/v1/me", headers={"origin": PANEL})
    assert answer.headers["access-control-allow-origin"] == PANEL
    assert "access-control-allow-credentials" not in answer.headers
    answers = [
        await ask(behind, "OPTIONS", "/api/v1/me", headers={**asks, "origin": "https://panel.example.evil"}),
        await ask(behind, "GET", "/api/v1/me", headers={"origin": "http://panel.example"}),
        await ask(behind, "GET", "/api/v1/me", headers={"origin": "null"}),
        await ask(shared.settings, "OPTIONS", "/api/v1/me", headers=asks),
        await ask(shared.settings, "GET", "/api/v1/me", headers={"origin": PANEL}),
    ]
    assert [answer.headers.get("access-control-allow-origin") for answer in answers] == [None] * len(answers)


async def test_only_a_trusted_proxy_says_who_asks_and_how(shared: Platform, behind: ServeSettings) -> None:
    forwarded = {"x-forwarded-for": "198.51.100.7, 203.0.113.9", "x-forwarded-proto": "https"}
    told = await ask(behind, "POST", "/api/v1/auth/session", data=LOGIN, headers=forwarded)
    assert told.headers["strict-transport-security"].startswith("max-age=")
    assert "Secure" in told.headers["set-cookie"]
    spoofed = await ask(shared.settings, "POST", "/api/v1/auth/session", data=LOGIN, headers=forwarded)
    assert "strict-transport-security" not in spoofed.headers
    assert "Secure" not in spoofed.headers["set-cookie"]


async def test_a_caller_is_limited_by_the_address_that_counts(shared: Platform, behind: ServeSettings) -> None:
    async def statuses(settings: ServeSettings, addresses: list[str]) -> list[int]:
        wrong = {"code": "AAAA-AAAA-AAAA-AAAA"}
        return [
            (await ask(settings, "POST", "/api/v1/enrol", json=wrong, headers={"x-forwarded-for": one})).status_code
            for one in addresses
        ]

    many = [f"198.51.100.{n}" for n in range(14)]
    assert 429 in await statuses(shared.settings, many)
    assert 429 not in await statuses(behind, many)
    assert 429 not in await statuses(behind, [f"::ffff:198.51.101.{n}" for n in range(14)])
    # The proxy appends whom it has seen: what its client wrote before that is not believed.
    assert 429 in await statuses(behind, [f"203.0.113.{n}, 192.0.2.1" for n in range(14)])


async def test_at_a_socket_that_takes_both_a_caller_has_the_ipv4_address() -> None:
    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(f"{scope['client'][0]} {scope['scheme']}")(scope, receive, send)

    listener = listen("::ffff:127.0.0.1", 0)
    serving = asyncio.create_task(serve(told, listener, trusted_proxies=(HOST,)))
    try:
        for headers, answer in (({}, f"{HOST} http"), ({"x-forwarded-proto": "https"}, f"{HOST} https")):
            async with httpx.AsyncClient(verify=False, trust_env=False) as client:
                got = await client.get(f"http://{HOST}:{listener.getsockname()[1]}/", headers=headers)
            assert got.text == answer
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_a_cookie_opens_a_socket_for_a_page_of_our_own_only(shared: Platform, behind: ServeSettings) -> None:
    await shared.add_machine("GATE-1")
    cookie = f"{COOKIE}={await shared.token('viewer@example.com')}"

    async def comes_to(settings: ServeSettings, origin: str, **headers: str) -> str | int:
        address = f"ws://{HOST}:{settings.port}/realtime/GATE-1"
        more = {"cookie": cookie, **headers}
        return await opened(address, origin=origin, additional_headers=more)

    here, there = f"{HOST}:{shared.settings.port}", f"{HOST}:{behind.port}"
    assert await comes_to(shared.settings, f"http://{here}") == "snapshot"
    assert await comes_to(shared.settings, "http://evil.example") == UNAUTHENTICATED.code
    assert await comes_to(shared.settings, "null") == UNAUTHENTICATED.code
    tls = {"x-forwarded-proto": "https"}
    assert await comes_to(behind, f"https://{there}", **tls) == "snapshot"
    assert await comes_to(behind, f"http://{there}", **tls) == UNAUTHENTICATED.code
    # Another origin that may call with a token may not ride on the cookie.
    assert await comes_to(behind, PANEL, **tls) == UNAUTHENTICATED.code


async def test_too_long_a_body_is_refused_unread(behind: ServeSettings) -> None:
    assert problem(await raw(behind.port, post("content-length: 2049"))) == (413, "too_large")
    assert problem(await raw(behind.port, post("content-length: 9" + "9" * 15))) == (413, "too_large")


async def test_too_long_a_body_of_no_said_length_is_refused_as_it_comes(behind: ServeSettings) -> None:
    chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
    assert problem(await raw(behind.port, post("transfer-encoding: chunked"), chunk, chunk, chunk)) == (
        413,
        "too_large",
    )


async def test_a_body_up_to_the_bound_is_read(behind: ServeSettings) -> None:
    body = json.dumps({"code": "AAAA-AAAA-AAAA-AAAA"}).encode()
    for content in (body.ljust(2048), body.ljust(2049)):
        answer = await ask(behind, "POST", "/api/v1/enrol", content=content, headers=JSON | {"x-forwarded-for": "::1"})
        assert answer.status_code == (404 if len(content) == 2048 else 413), answer.text


async def test_a_head_has_a_bound(behind: ServeSettings) -> None:
    answer = await raw(behind.port, b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + b"x" * 66_000)
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_lengths_that_contradict_or_are_none_are_refused(behind: ServeSettings) -> None:
    for length in ("content-length: x", "content-length: -1", "content-length: 1\r\ncontent-length: 2"):
        assert (await raw(behind.port, post(length))).startswith(b"HTTP/1.1 400 "), length


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads a body and says how long it was."""
    size, more = 0, scope["type"] == "http"
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await PlainTextResponse(str(size))(scope, receive, send)


async def test_who_is_too_slow_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "HEAD_WITHIN_S", 0.3)
    listener = listen(HOST, 0)
    port = listener.getsockname()[1]

    async def words(_request: Any, error: Any) -> PlainTextResponse:
        return PlainTextResponse(str(error.detail), error.status_code, error.headers)

    app = ExceptionMiddleware(reads, handlers={HTTPException: words})
    running = asyncio.create_task(serve(Bodies(app, max_bytes=100, within_s=0.3), listener))
    try:
        assert (await raw(port, post("content-length: 10"), b"12345")).startswith(b"HTTP/1.1 408 ")
        assert await raw(port, b"GET / HTTP/1.1\r\nhos") == b""
        assert await raw(port) == b""
        quick = post("content-length: 2\r\nconnection: close")
        assert (await raw(port, quick, b"12")).endswith(b"\r\n\r\n2")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
