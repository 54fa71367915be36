"""Logins, people, companies and API keys over REST."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from websockets.asyncio.client import connect

from sunsweep.server.errors import UnauthenticatedError
from sunsweep.server.features.accounts import keys
from sunsweep.server.features.accounts.roles import Role
from tests.server.viewers import closing, frame, url
from tests.support.platform import PASSWORD, Platform
from tests.support.smtp import PostOffice, post_office

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN, ROOT, VIEWER, BETA = "admin@example.com", "root@example.com", "viewer@example.com", "admin@beta.example"
OURS = {"x-requested-with": "sunsweep"}
NEW = "battery staple horse"


@pytest.fixture(scope="module", params=["sqlite"])
def module_url(request: pytest.FixtureRequest, module_folder: Any) -> str:
    """What differs by database is tried in test_logins.py."""
    return f"sqlite+aiosqlite:///{module_folder / 'sunsweep.db'}"


@pytest_asyncio.fixture(loop_scope="module")
async def office(shared: Platform) -> AsyncIterator[PostOffice]:
    """The platform mails from now on."""
    async with post_office() as office:
        shared.settings.smtp_url = SecretStr(office.url)
        shared.settings.public_url = "https://sun.example"
        yield office
        shared.settings.smtp_url = shared.settings.public_url = None


async def post(platform: Platform, path: str, bearer: str | None = None, **more: Any) -> httpx.Response:
    headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
    async with platform.web("/api/v1", headers=headers) as web:
        return await web.post(path, **more)


async def login(platform: Platform, email: str, password: str = PASSWORD) -> httpx.Response:
    return await post(platform, "/auth/token", data={"username": email, "password": password})


async def status_of(platform: Platform, bearer: str, path: str = "/me") -> int:
    async with platform.web("/api/v1", headers={"authorization": f"Bearer {bearer}"}) as web:
        return (await web.get(path)).status_code


async def user_id(platform: Platform, email: str) -> int:
    people = (await platform.get("/users", as_=ROOT, params={"limit": 1000}))["items"]
    return next(int(one["user_id"]) for one in people if one["email"] == email)


async def patch(platform: Platform, path: str, change: Mapping[str, Any], as_: str = ADMIN) -> httpx.Response:
    return await platform.call("PATCH", path, json=change, as_=as_)


async def test_a_login_is_renewed_by_json_and_by_form(shared: Platform) -> None:
    told = (await login(shared, VIEWER)).json()
    assert told["refresh_expires_in"] == shared.settings.refresh_token_s
    told = (await post(shared, "/auth/refresh", json={"refresh_token": told["refresh_token"]})).json()
    told = (await post(shared, "/auth/refresh", data={"refresh_token": told["refresh_token"]})).json()
    assert await status_of(shared, told["access_token"]) == 200


async def test_a_renewal_that_says_nothing_good_is_refused(shared: Platform) -> None:
    said: list[tuple[int, dict[str, Any]]] = [
        (401, {}),
        (401, {"json": {"refresh_token": "made up"}}),
        (422, {"json": {"refresh_token": 7}}),
        (422, {"json": {}}),
        (422, {"json": [1]}),
        (422, {"content": b"{", "headers": {"content-type": "application/json"}}),
        (422, {"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}),
        (422, {"content": b'{"refresh_token":"\xff"}', "headers": {"content-type": "application/json"}}),
        (422, {"files": {"refresh_token": b"x"}}),
        (422, {"data": {"token": "x"}}),
        (422, {"content": b"\xff\x00", "headers": {"content-type": "text/plain"}}),
    ]
    for status, words in said:
        assert (await post(shared, "/auth/refresh", **words)).status_code == status, words


async def test_a_browser_renews_with_a_cookie_that_goes_nowhere_else(shared: Platform) -> None:
    async with shared.web("/api/v1") as web:
        answer = await web.post("/auth/session", data={"username": VIEWER, "password": PASSWORD})
        (cookie,) = [c.lower() for c in answer.headers.get_list("set-cookie") if c.startswith("sunsweep_refresh")]
        assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/api/v1/auth"))
        del web.cookies["sunsweep_session"]
        assert (await web.get("/me")).status_code == 401
        assert (await web.post("/auth/refresh")).status_code == 403
        renewed = await web.post("/auth/refresh", headers=OURS)
        assert (renewed.status_code, renewed.content) == (204, b"")
        assert (await web.get("/me")).json()["email"] == VIEWER


async def test_a_second_use_of_a_renewal_ends_the_login(shared: Platform) -> None:
    await shared.add_user("robbed@example.com", Role.VIEWER)
    first = (await login(shared, "robbed@example.com")).json()
    stolen = {"refresh_token": first["refresh_token"]}
    second = (await post(shared, "/auth/refresh", json=stolen)).json()
    assert (await post(shared, "/auth/refresh", json=stolen)).status_code == 401
    assert await status_of(shared, second["access_token"]) == 401
    assert (await post(shared, "/auth/refresh", json={"refresh_token": second["refresh_token"]})).status_code == 401


async def test_a_logout_takes_the_renewals_of_everywhere(shared: Platform) -> None:
    await shared.add_user("out@people.example", Role.VIEWER)
    here, there = [(await login(shared, "out@people.example")).json() for _ in range(2)]
    assert (await post(shared, "/auth/logout", here["access_token"])).status_code == 204
    for told in (here, there):
        assert (await post(shared, "/auth/refresh", json={"refresh_token": told["refresh_token"]})).status_code == 401


async def test_a_wait_is_told_with_the_refusal(shared: Platform) -> None:
    assert [(await login(shared, "guess@example.com", "no")).status_code for _ in range(5)] == [401] * 5
    answer = await login(shared, "guess@example.com", "no")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_tries")
    assert answer.headers["retry-after"] == "1"


async def test_a_new_password_ends_all_other_logins(shared: Platform) -> None:
    email = "changes@example.com"
    await shared.add_user(email, Role.VIEWER)
    old = (await login(shared, email)).json()["access_token"]

    async def change(before: str, after: str) -> httpx.Response:
        return await post(shared, "/auth/password", old, json={"old": before, "new": after})

    for bad in ("short", "x" * 257, email.upper()):
        assert (await change(PASSWORD, bad)).status_code == 422, bad
    assert (await change("wrong", NEW)).status_code == 403
    told = await change(PASSWORD, NEW)
    assert told.status_code == 200
    assert [await status_of(shared, token) for token in (old, told.json()["access_token"])] == [401, 200]
    assert [(await login(shared, email, word)).status_code for word in (PASSWORD, NEW)] == [401, 200]


async def test_a_browser_changes_its_password_and_stays(shared: Platform) -> None:
    email = "stays@example.com"
    await shared.add_user(email, Role.VIEWER)
    async with shared.web("/api/v1", headers=OURS) as web:
        await web.post("/auth/session", data={"username": email, "password": PASSWORD})
        assert (await web.post("/auth/password", json={"old": PASSWORD, "new": NEW})).status_code == 204
        assert (await web.get("/me")).json()["email"] == email
        assert (await web.post("/auth/refresh")).status_code == 204


async def test_a_forgotten_password_is_set_with_a_mailed_link(shared: Platform, office: PostOffice) -> None:
    email = "forgot@example.com"
    await shared.add_user(email, Role.VIEWER)
    before = (await login(shared, email)).json()["access_token"]
    answers = [await post(shared, "/auth/reset", json={"email": who}) for who in ("no@example.com", email)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(202, b"null")] * 2
    async with asyncio.timeout(30):
        letter = await office.letters.get()
    assert letter["to"] == email
    (link,) = [word for word in letter.get_content().split() if word.startswith("https://")]
    assert link.startswith("https://sun.example/app/reset?token=")
    wish = {"token": link.partition("token=")[2], "password": NEW}
    assert (await post(shared, "/auth/reset/confirm", json=wish | {"password": "short"})).status_code == 422
    told = await post(shared, "/auth/reset/confirm", json=wish)
    assert [await status_of(shared, token) for token in (before, told.json()["access_token"])] == [401, 200]
    assert (await post(shared, "/auth/reset/confirm", json=wish)).status_code == 404, "it is good once"
    assert (await login(shared, email, NEW)).status_code == 200
    assert office.letters.empty(), "nobody else is written to"


async def test_nobodys_inbox_is_flooded(shared: Platform, office: PostOffice) -> None:
    email = "flooded@example.com"
    await shared.add_user(email, Role.VIEWER)
    began_s = time.monotonic()
    answers = await asyncio.gather(*(post(shared, "/auth/reset", json={"email": email}) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {202}
    await shared.add_user("last@example.com", Role.VIEWER)
    await post(shared, "/auth/reset", json={"email": "last@example.com"})
    receivers: list[str] = []
    async with asyncio.timeout(30):
        while "last@example.com" not in receivers:
            receivers.append((await office.letters.get())["to"])
    # Three, however many ask at once, and then each after twice the wait of the one before.
    assert 1 <= receivers.count(email) <= 3 + int(math.log2(1 + time.monotonic() - began_s))


async def test_who_is_new_sets_a_password_with_a_link(shared: Platform) -> None:
    made = await shared.call("POST", "/users", json={"email": "New@Example.com", "role": "operator"})
    assert made.status_code == 201
    user = made.json()
    assert (user["email"], user["role"], user["company_id"]) == ("new@example.com", "operator", 1)
    page = user["reset_link"].removeprefix(shared.url)
    async with shared.web() as web:
        answer = await web.get(page)
    assert (answer.status_code, answer.headers["referrer-policy"]) == (200, "no-referrer")
    token = page.partition("token=")[2]
    assert (await post(shared, "/auth/reset/confirm", json={"token": token, "password": NEW})).status_code == 200
    assert (await login(shared, "new@example.com", NEW)).status_code == 200
    again = await shared.call("POST", f"/users/{user['user_id']}/reset-link")
    assert again.json()["reset_link"] != user["reset_link"]


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"email": "a@b.example", "role": "platform_admin"}, 403),
        ({"email": "a@b.example", "role": "viewer", "company_id": 2}, 404),
        ({"email": "no address", "role": "viewer"}, 422),
        ({"email": "a@b\r\nbcc: x@y.example", "role": "viewer"}, 422),
        ({"email": VIEWER, "role": "viewer"}, 409),
        ({"email": "a@b.example", "role": "god"}, 422),
        ({"email": "a@b.example", "role": "viewer", "password": "x"}, 422),
    ],
)
async def test_an_admin_makes_people_of_the_own_company_only(
    shared: Platform, wish: dict[str, Any], status: int
) -> None:
    assert (await shared.call("POST", "/users", json=wish)).status_code == status


async def test_an_admin_sees_and_changes_the_own_people_only(shared: Platform) -> None:
    mine = (await shared.get("/users"))["items"]
    assert {one["company_id"] for one in mine} == {1}
    assert (await shared.call("GET", "/users", params={"company_id": 2})).status_code == 404
    assert (await shared.call("GET", "/users", as_=VIEWER)).status_code == 403
    theirs, platforms, own = [await user_id(shared, email) for email in (BETA, ROOT, ADMIN)]
    for foreign in (theirs, platforms, 999):
        assert (await shared.call("GET", f"/users/{foreign}")).status_code == 404
        assert (await patch(shared, f"/users/{foreign}", {"disabled": True})).status_code == 404
        assert (await shared.call("POST", f"/users/{foreign}/reset-link")).status_code == 404
    assert (await patch(shared, f"/users/{own}", {"disabled": True})).status_code == 409
    assert (await patch(shared, f"/users/{own}", {"role": "viewer"})).status_code == 409
    assert (
        await patch(shared, f"/users/{await user_id(shared, VIEWER)}", {"role": "platform_admin"})
    ).status_code == 403


async def test_people_come_in_pages(shared: Platform) -> None:
    seen: list[int] = []
    cursor: str | None = "0"
    while cursor is not None:
        page = await shared.get("/users", as_=ROOT, params={"limit": 3, "cursor": cursor})
        seen += [one["user_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    everybody = (await shared.get("/users", as_=ROOT, params={"limit": 1000}))["items"]
    assert seen == [one["user_id"] for one in everybody]
    assert len(seen) > 3


async def test_who_is_disabled_is_out_until_enabled(shared: Platform) -> None:
    email = "paused@example.com"
    await shared.add_user(email, Role.OPERATOR)
    number = await user_id(shared, email)
    told = (await login(shared, email)).json()
    answer = await patch(shared, f"/users/{number}", {"disabled": True})
    assert answer.json()["disabled_at"] is not None
    assert await status_of(shared, told["access_token"]) == 401
    assert (await login(shared, email)).status_code == 401
    assert (await shared.call("POST", f"/users/{number}/reset-link")).status_code == 409
    await patch(shared, f"/users/{number}", {"disabled": False, "role": "viewer"})
    assert await status_of(shared, told["access_token"]) == 401, "what has ended does not come back"
    again = (await login(shared, email)).json()["access_token"]
    async with shared.web("/api/v1", headers={"authorization": f"Bearer {again}"}) as web:
        assert (await web.get("/me")).json()["role"] == "viewer"


async def test_the_platform_admin_makes_admins_and_companies(shared: Platform) -> None:
    company = await shared.call("POST", "/companies", json={"name": " Gamma "}, as_=ROOT)
    number = company.json()["company_id"]
    assert (company.status_code, company.json()["name"]) == (201, "Gamma")
    assert (await shared.call("POST", "/companies", json={"name": "Gamma"}, as_=ROOT)).status_code == 409
    most = shared.settings.retention_days
    for change, status in (
        ({"name": "Delta", "raw_retention_days": 30}, 200),
        ({"raw_retention_days": most + 1}, 422),
        ({"name": "Alpha"}, 409),
        ({"raw_retention_days": None}, 200),
    ):
        assert (await patch(shared, f"/companies/{number}", change, ROOT)).status_code == status, change
    told = await shared.get(f"/companies/{number}", as_=ROOT)
    assert (told["name"], told["raw_retention_days"]) == ("Delta", None)
    wish = {"email": "boss@gamma.example", "role": "admin", "company_id": number}
    assert (await shared.call("POST", "/users", json=wish, as_=ROOT)).status_code == 201
    assert (await shared.call("POST", "/users", json=wish | {"email": "x@y.example", "company_id": 999}, as_=ROOT)).status_code == 404  # fmt: skip  # noqa: E501
    second = {"email": "root2@example.com", "role": "platform_admin"}
    assert (await shared.call("POST", "/users", json=second, as_=ROOT)).status_code == 201


async def test_a_companys_people_see_the_own_company_only(shared: Platform) -> None:
    assert [one["name"] for one in (await shared.get("/companies", as_=VIEWER))["items"]] == ["Alpha"]
    assert (await shared.get("/companies/1", as_=VIEWER))["name"] == "Alpha"
    assert (await shared.call("GET", "/companies/2", as_=VIEWER)).status_code == 404
    for who in (VIEWER, ADMIN):
        assert (await patch(shared, "/companies/1", {"name": "Mine"}, who)).status_code == 403
        assert (await shared.call("POST", "/companies", json={"name": "Mine"}, as_=who)).status_code == 403
    assert len((await shared.get("/companies", as_=ROOT))["items"]) >= 2


async def new_key(platform: Platform, role: str, as_: str = ADMIN, **more: Any) -> dict[str, Any]:
    wish = {"name": f"a {role}", "role": role, "expires_in_days": 1}
    answer = await platform.call("POST", "/api-keys", json=wish, as_=as_, **more)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_key_does_what_its_role_may_in_its_company(shared: Platform) -> None:
    await shared.add_machine("KEY-1")
    made = await new_key(shared, "operator")
    key = made["key"]
    assert key.startswith("ssk_")
    async with shared.web("/api/v1", headers={"authorization": f"Bearer {key}"}) as web:
        me = (await web.get("/me")).json()
        assert (me["user_id"], me["email"], me["key_id"], me["role"]) == (None, None, made["key_id"], "operator")
        given = await web.post("/machines/KEY-1/commands", json={"command": "stop_cleaning"})
        assert (given.json()["issued_by"], given.json()["issued_by_key"]) == (None, made["key_id"])
        assert (await web.get("/machines", params={"company_id": 2})).status_code == 404
        assert (await web.post("/machines", json={"machine_id": "KEY-2"})).status_code == 403
        assert (await web.post("/auth/logout")).status_code == 403
    (shown,) = [one for one in (await shared.get("/api-keys"))["items"] if one["key_id"] == made["key_id"]]
    assert shown["used_at"] is not None
    assert key not in json.dumps(shown)


async def test_a_key_makes_nobody_who_outlives_it(shared: Platform) -> None:
    key = (await new_key(shared, "admin"))["key"]
    assert await status_of(shared, key, "/users") == 200
    wishes = {
        "/users": {"email": "z@example.com", "role": "viewer"},
        "/api-keys": {"name": "z", "role": "viewer", "expires_in_days": 1},
        "/auth/password": {"old": PASSWORD, "new": NEW},
    }
    for path, wish in wishes.items():
        assert (await post(shared, path, key, json=wish)).status_code == 403, path


@pytest.mark.parametrize("days", [0, 367, None, "7"])
async def test_a_key_has_an_end(shared: Platform, days: Any) -> None:
    wish = {"name": "for ever", "role": "viewer", "expires_in_days": days}
    assert (await shared.call("POST", "/api-keys", json=wish)).status_code == 422


async def test_a_key_is_revoked_by_its_company_and_at_once(shared: Platform) -> None:
    made = await new_key(shared, "viewer")
    assert (await shared.call("DELETE", f"/api-keys/{made['key_id']}", as_=BETA)).status_code == 404
    assert await status_of(shared, made["key"]) == 200
    assert (await shared.call("DELETE", f"/api-keys/{made['key_id']}")).status_code == 204
    assert await status_of(shared, made["key"]) == 401
    assert made["key_id"] not in [one["key_id"] for one in (await shared.get("/api-keys", as_=BETA))["items"]]


async def test_a_key_ends_with_its_time_and_its_maker(shared: Platform) -> None:
    email = "maker@example.com"
    await shared.add_user(email, Role.ADMIN)
    made = await new_key(shared, "admin", email)
    end_ms = round(datetime.fromisoformat(made["expires_at"]).timestamp() * 1000)
    assert (await keys.principal(shared.database, made["key"], now_ms=end_ms - 1)).role is Role.ADMIN
    with pytest.raises(UnauthenticatedError):
        await keys.principal(shared.database, made["key"], now_ms=end_ms)
    number = await user_id(shared, email)
    await patch(shared, f"/users/{number}", {"role": "viewer"})
    assert await status_of(shared, made["key"], "/users") == 403, "no more than its maker may"
    await patch(shared, f"/users/{number}", {"disabled": True})
    assert await status_of(shared, made["key"]) == 401
    await patch(shared, f"/users/{number}", {"disabled": False})
    assert await status_of(shared, made["key"]) == 401, "enabled again, the maker makes another one"


async def test_a_socket_of_a_key_closes_when_that_is_revoked(shared: Platform) -> None:
    await shared.add_machine("KEY-SOCKET")
    made = await new_key(shared, "viewer")
    bearer = {"authorization": f"Bearer {made['key']}"}
    async with connect(url(shared, "KEY-SOCKET"), additional_headers=bearer, proxy=None) as socket:
        assert (await frame(socket))["type"] == "snapshot"
        await shared.call("DELETE", f"/api-keys/{made['key_id']}")
        assert await closing(socket, within_s=2) == 4408


async def test_a_platform_admin_makes_keys_of_a_company_that_exists(shared: Platform) -> None:
    made = await new_key(shared, "viewer", ROOT, params={"company_id": 2})
    assert made["company_id"] == 2
    wish = {"name": "x", "role": "viewer", "expires_in_days": 1}
    answer = await shared.call("POST", "/api-keys", json=wish, as_=ROOT, params={"company_id": 999})
    assert answer.status_code == 404
