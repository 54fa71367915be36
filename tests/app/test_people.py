"""An admin's own pages: people, keys, refused messages, the audit log; and who sets a password by a link."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from aiomqtt import Client

from tests.app.browser import Visitor
from tests.app.conftest import Visits
from tests.support.command import Site
from tests.support.platform import eventually

ADMIN = "admin@example.com"
NEW = "sam@example.com"
PASSWORD = "a long enough one"
WITHIN_S = 60.0


@pytest.fixture
async def api(up: Site) -> AsyncIterator[httpx.AsyncClient]:
    bearer = {"authorization": f"Bearer {await up.token(ADMIN)}"}
    async with httpx.AsyncClient(base_url=f"{up.url}/api/v1", headers=bearer) as client:
        yield client


async def refused_message(up: Site, api: httpx.AsyncClient) -> int:
    """Send what nobody can store, as a machine; its number among the dead letters."""
    machine = json.loads((up.data / "simulated-machines.json").read_text())[0]
    login = {"username": machine["mqtt_username"], "password": machine["mqtt_password"]}
    async with Client("127.0.0.1", up.mqtt_port, identifier=f"{machine['mqtt_username']}-odd", **login) as client:
        await client.publish(f"company/1/machine/{machine['machine_id']}/telemetry", b"no JSON at all", qos=1)

    async def refused() -> int:
        found = (await api.get("/dead-letters", params={"reason": "not_json"})).json()["items"]
        return int(found[0]["id"]) if found else 0

    return int(await eventually(refused, within_s=WITHIN_S))


@pytest.mark.prove
async def test_an_admin_looks_after_people_keys_and_refused_messages(
    visitor: Visitor, up: Site, api: httpx.AsyncClient
) -> None:
    letter = await refused_message(up, api)
    page = await visitor.open("/app/people")
    # Tall enough for people, keys and an open form: nothing has to be scrolled to.
    await page.page.set_viewport_size({"width": 1280, "height": 1400})
    await page.sign_in(ADMIN, up.passwords()[ADMIN])

    # Somebody new: a refusal stands at its field, the link is shown once, and opens nothing twice.
    await page.click("person-add", within_s=WITHIN_S)
    await page.type("person-new-email", "no address")
    await page.click("person-new-yes")
    await page.says("no address")
    await page.type("person-new-email", NEW)
    await page.click("person-new-role-operator")
    await page.click("person-new-yes")
    link = await page.text("person-link")
    assert link.startswith(f"{up.url}/app/reset?token=")
    await page.click("person-link-done")
    await page.gone("person-link")
    found = {user["email"]: user for user in (await api.get("/users")).json()["items"]}
    assert found[NEW]["role"] == "operator"

    # Out, and named before it is done.
    person = f"person-{found[NEW]['user_id']}"
    await page.click(f"{person}-menu")
    await page.click(f"{person}-disable")
    await page.click("person-disable-yes")

    async def is_out() -> bool:
        return (await api.get(f"/users/{found[NEW]['user_id']}")).json()["disabled_at"] is not None

    await eventually(is_out, within_s=WITHIN_S)

    # A key works until it is revoked.
    await page.click("key-add")
    await page.type("key-new-name", "Weather station")
    await page.click("key-new-yes")
    key = await page.text("key-secret")

    async def opens() -> int:
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}) as program:
            return (await program.get(f"{up.url}/api/v1/machines")).status_code

    assert await opens() == 200
    (made,) = (await api.get("/api-keys")).json()["items"]
    await page.click("key-secret-done")
    await page.gone("key-secret")
    await page.opens(f"key-{made['key_id']}-menu", f"key-{made['key_id']}-revoke")
    await page.click(f"key-{made['key_id']}-revoke")
    await page.click("key-revoke-yes")

    async def is_shut() -> bool:
        return await opens() == 401

    await eventually(is_shut, within_s=WITHIN_S)

    # What was refused can be read, and is fed in again; this one is refused again, and that is said.
    await page.click("go-dead-letters")
    await page.click(f"letter-{letter}")
    assert await page.text(f"letter-{letter}-content") == "no JSON at all"
    await page.click(f"letter-{letter}-feed-in")
    await page.says("Feed 1 message in again?")
    await page.click("feed-in-yes")
    await page.says("1 message was refused again.", within_s=WITHIN_S)

    # All of it is on record.
    await page.click("go-audit")
    for words in ("Fed refused messages in again", "Revoked an API key", "Made an API key", "Added a person"):
        await page.says(words, within_s=WITHIN_S)


async def test_a_link_sets_a_password(visits: Visits, up: Site, api: httpx.AsyncClient) -> None:
    made = await api.post("/users", json={"email": "kim@example.com", "role": "viewer"})
    link = made.json()["reset_link"].removeprefix(up.url)
    async with visits(viewport={"width": 390, "height": 844}, locale="en-GB") as visitor:
        visitor.expected.append("status of (401|422)")
        page = await visitor.open(link)
        for name in ("reset-new", "reset-again"):
            await page.type(name, "short")
        await page.click("reset-go")
        await page.says("12 to 256 characters")
        await page.type("reset-new", PASSWORD)
        await page.click("reset-go")
        await page.says("These two are not the same.")
        await page.type("reset-again", PASSWORD)
        await page.click("reset-go")
        await page.click("reset-sign-in")
        await page.sign_in("kim@example.com", PASSWORD)
        await page.gone("login-go", within_s=WITHIN_S)
        assert page.page.url == f"{up.url}/app/"
        # A viewer is told whose page this is, and sees no way to change anything.
        await page.page.goto(f"{up.url}/app/people", wait_until="commit")
        await page.usable()
        await page.says("This page is for admins", within_s=WITHIN_S)
        assert await page.look("person-add") is None
