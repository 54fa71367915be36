"""What people and their devices do to an open page: clicks that double, a theme that changes, a login that ends."""

import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.app.browser import Visitor
from tests.app.flutter import Flutter
from tests.support.command import Site
from tests.support.platform import eventually

if TYPE_CHECKING:
    from playwright.async_api import FloatRect

ADMIN, LEAVER = "admin@example.com", "leaver@example.com"
PASSWORD = "a long way to the sun 7"
MACHINE = "/app/machines/SUN-0001?span=7d"


@pytest.fixture
async def api(up: Site) -> AsyncIterator[httpx.AsyncClient]:
    bearer = {"authorization": f"Bearer {await up.token(ADMIN)}"}
    async with httpx.AsyncClient(base_url=f"{up.url}/api/v1", headers=bearer) as client:
        yield client


async def new_user(api: httpx.AsyncClient) -> int:
    """An operator with `PASSWORD`."""
    made = (await api.post("/users", json={"email": LEAVER, "role": "operator"})).raise_for_status().json()
    token = made["reset_link"].rpartition("=")[2].rpartition("/")[2]
    body = {"token": token, "password": PASSWORD}
    (await api.post("/auth/reset/confirm", json=body)).raise_for_status()
    return int(made["user_id"])


async def sign_in(page: Flutter) -> None:
    await page.sign_in(LEAVER, PASSWORD)
    await page.find("machine-state", within_s=60)


async def double_click(page: Flutter, identifier: str) -> None:
    found = await page.find(identifier)

    async def rests() -> bool:
        nonlocal found
        before, found = found, await page.find(identifier)
        return before == found

    await eventually(rests)
    await page.page.mouse.dblclick(found["x"], found["y"])


async def stops(api: httpx.AsyncClient) -> list[Any]:
    runs: list[Any] = (await api.get("/commands/bulk?limit=50")).json()["items"]
    return [run["id"] for run in runs]


@pytest.mark.prove
async def test_a_page_stands_what_is_done_to_it(visitor: Visitor, up: Site, api: httpx.AsyncClient) -> None:
    visitor.expected.append("401")
    user_id = await new_user(api)
    page = await visitor.open(MACHINE)
    await sign_in(page)

    # Escape leaves a question, and a double click is one act.
    before = await stops(api)
    await page.click("stop-all")
    await page.find("stop-all-yes")
    await page.page.keyboard.press("Escape")
    await page.gone("stop-all-yes")
    await page.click("stop-all")
    await double_click(page, "stop-all-yes")
    await eventually(lambda: _is_at(page, "/commands/runs/"))
    assert len(await stops(api)) == len(before) + 1
    await page.page.go_back()
    await page.find("machine-state")

    # The device's theme changes, and the page with it, at once.
    light = await _picture(page)
    await page.page.emulate_media(color_scheme="dark")

    async def is_other() -> bool:
        return await _picture(page) != light

    await eventually(is_other)

    # The login ends at the server: the login page says so, and the address is kept for whoever comes next.
    (await api.patch(f"/users/{user_id}", json={"disabled": True})).raise_for_status()
    await page.find("login-go", within_s=60)
    await page.says("Your login has ended")
    assert page.page.url == f"{up.url}{MACHINE}"
    (await api.patch(f"/users/{user_id}", json={"disabled": False})).raise_for_status()
    await sign_in(page)
    assert page.page.url == f"{up.url}{MACHINE}"


async def _is_at(page: Flutter, part: str) -> bool:
    return part in page.page.url


async def _picture(page: Flutter) -> str:
    """Of a corner in which nothing changes by itself."""
    corner: FloatRect = {"x": 0, "y": 500, "width": 100, "height": 100}
    return hashlib.sha256(await page.page.screenshot(clip=corner)).hexdigest()
