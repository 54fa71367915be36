"""deploy/caddy/Caddyfile in a real Caddy, before a real backend: what differs are ports, and who signs."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sunsweep.server.db.models import AuditEntry
from tests.support.compose import ROOT
from tests.support.platform import PASSWORD, Platform, eventually, new_platform
from tests.support.ports import free_port
from tests.support.programs import find_program

CADDYFILE = ROOT / "deploy" / "caddy" / "Caddyfile"
CLAIMED = {"x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "http"}
pytestmark = pytest.mark.prove


@dataclass
class Front:
    """Caddy, and the backend behind it."""

    domain: str
    http: int
    https: int
    health: int
    platform: Platform

    def client(self) -> httpx.AsyncClient:
        """Somebody outside: Caddy's container does not know the address that he has called."""
        place = f"https://127.0.0.1:{self.https}"
        return httpx.AsyncClient(base_url=place, headers={"host": self.domain}, verify=False, trust_env=False)


@asynccontextmanager
async def fronted(domain: str, email: str, folder: Path) -> AsyncIterator[Front]:
    platform = await new_platform(f"sqlite+aiosqlite:///{folder}/sunsweep.db", folder)
    platform.settings = platform.settings.model_copy(update={"trusted_proxies": ("127.0.0.0/8",)})
    front = Front(domain, free_port(), free_port(), free_port(), platform)
    own = f"{{\n\thttp_port {front.http}\n\thttps_port {front.https}\n\tlocal_certs\n\tskip_install_trust\n"
    text = CADDYFILE.read_text().replace("{\n", own, 1).replace("api:8000", f"127.0.0.1:{platform.settings.port}")
    (file := folder / "Caddyfile").write_text(text.replace("127.0.0.1:2015", f"127.0.0.1:{front.health}"))
    await platform.start_broker()
    await platform.start_web()
    with (folder / "caddy.log").open("wb") as log:
        caddy = await asyncio.create_subprocess_exec(
            find_program("caddy"), "run", "--adapter", "caddyfile", "--config", str(file),
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "DOMAIN": domain, "ACME_EMAIL": email},
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await eventually(lambda: healthy(front, caddy), within_s=20)
        yield front
    finally:
        if caddy.returncode is None:
            caddy.terminate()
        await caddy.wait()
        await platform.stop()


async def healthy(front: Front, caddy: asyncio.subprocess.Process) -> bool:
    assert caddy.returncode is None, (front.platform.folder / "caddy.log").read_text()
    async with front.client() as client:
        try:
            answer = await client.get(f"http://127.0.0.1:{front.health}/", headers={"host": "127.0.0.1"})
        except httpx.TransportError:
            return False
    return answer.status_code == 200


@pytest_asyncio.fixture(params=[("localhost", ""), ("192.0.2.7", "email me@example.org")], ids=["name", "address"])
async def front(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Front]:
    domain, email = request.param
    async with fronted(domain, email, tmp_path) as running:
        yield running


async def test_the_way_from_outside(front: Front) -> None:
    async with front.client() as client:
        moved = await client.get(f"http://127.0.0.1:{front.http}/app/?a=1")
        assert (moved.status_code, moved.headers["location"]) == (308, f"https://{front.domain}/app/?a=1")

        alive = await client.get("/healthz")
        assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
        assert alive.headers["strict-transport-security"]

        for path in ("/metrics", "/metrics/", "/metrics?x", "/METRICS", "/%6detrics", f"{client.base_url}/metrics"):
            assert (await client.get(path)).status_code == 404, path

        form = {"username": "admin@example.com", "password": PASSWORD}
        login = await client.post("/api/v1/auth/session", data=form, headers={"x-requested-with": "app", **CLAIMED})
        assert login.status_code == 204, login.text
        assert "secure" in login.headers["set-cookie"].lower()

        wrong = {**form, "password": "wrong"}
        assert (await client.post("/api/v1/auth/token", data=wrong, headers=CLAIMED)).status_code == 401
    await eventually(lambda: written(front.platform), within_s=15)
    assert await addresses(front.platform) <= {"127.0.0.1"}


async def test_a_socket_goes_through(front: Front) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    url = f"wss://{front.domain}:{front.https}/realtime/A"
    async with connect(url, host="127.0.0.1", port=front.https, ssl=context, proxy=None) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def written(platform: Platform) -> bool:
    return bool(await addresses(platform))


async def addresses(platform: Platform) -> set[str]:
    """Where those came from who are in the audit log."""
    async with platform.database.read() as session:
        return set(await session.scalars(select(AuditEntry.address)))
