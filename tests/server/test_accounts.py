"""Logging in, staying in and being out, by token and by cookie."""

from collections.abc import Mapping
from typing import Any

import httpx
import jwt
import pytest
from argon2 import PasswordHasher, extract_parameters, profiles

from sunsweep.server.clock import wall_clock
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.accounts.tokens import Claims, Tokens
from tests.support.platform import PASSWORD, Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROBLEM = "application/problem+json"


def client(platform: Platform) -> httpx.AsyncClient:
    return platform.web("/api/v1")


async def me(platform: Platform, token: str) -> httpx.Response:
    async with client(platform) as web:
        return await web.get("/me", headers={"authorization": f"Bearer {token}"})


def form(email: str, password: str = PASSWORD) -> dict[str, str]:
    return {"username": email, "password": password}


def secret(platform: Platform) -> str:
    return platform.settings.secret_key.get_secret_value()


def signed(body: Mapping[str, Any], key: str, algorithm: str = "HS256") -> str:
    return jwt.encode(dict(body), key, algorithm=algorithm)


def good_claims() -> dict[str, Any]:
    now_s = wall_clock() // 1000
    return {"sub": "1", "ver": 0, "iat": now_s, "exp": now_s + 600}


async def test_the_right_password_gives_a_token_that_knows_who_it_is(shared: Platform) -> None:
    async with client(shared) as web:
        answer = await web.post("/auth/token", data=form(" Viewer@Example.com "))
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"
    assert answer.json()["expires_in"] == shared.settings.access_token_s
    who = (await me(shared, answer.json()["access_token"])).json()
    assert (who["email"], who["role"], who["company_id"], who["company"]) == (
        "viewer@example.com", "viewer", 1, "Alpha"
    )  # fmt: skip


async def test_a_password_costs_what_is_advised_and_nobodys_as_much(costly_hasher: PasswordHasher) -> None:
    kept = extract_parameters(costly_hasher.hash(PASSWORD))
    assert kept == profiles.RFC_9106_LOW_MEMORY == extract_parameters(accounts._NOBODY)


async def test_a_platform_admin_has_no_company(shared: Platform) -> None:
    who = await shared.get("/me", as_="root@example.com")
    assert (who["role"], who["company_id"], who["company"]) == ("platform_admin", None, None)


@pytest.mark.parametrize(
    "login",
    [form("viewer@example.com", "wrong"), form("nobody@example.com"), form("x\0y@example.com"), form("é" * 300)],
    ids=["wrong password", "unknown user", "NUL", "too long"],
)
@pytest.mark.parametrize("way", ["token", "session"])
async def test_a_bad_login_is_refused_and_does_not_tell_why(shared: Platform, login: dict[str, str], way: str) -> None:
    async with client(shared) as web:
        answer = await web.post(f"/auth/{way}", data=login)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.json()["detail"] == "the e-mail address or the password is wrong"
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "set-cookie" not in answer.headers


async def test_a_disabled_user_is_out_and_cannot_come_back(shared: Platform) -> None:
    await shared.add_user("leaver@example.com", Role.ADMIN)
    token = await shared.token("leaver@example.com")
    assert (await me(shared, token)).status_code == 200
    async with shared.database.write() as session:
        await accounts.disable_user(session, "leaver@example.com", now_ms=wall_clock())
    assert (await me(shared, token)).json()["code"] == "unauthenticated"
    async with client(shared) as web:
        assert (await web.post("/auth/token", data=form("leaver@example.com"))).status_code == 401


async def test_logging_out_ends_every_login_of_the_user_and_of_nobody_else(shared: Platform) -> None:
    await shared.add_user("out@example.com", Role.OPERATOR)
    async with client(shared) as web:
        first, second = [
            (await web.post("/auth/token", data=form("out@example.com"))).json()["access_token"] for _ in range(2)
        ]
        done = await web.post("/auth/logout", headers={"authorization": f"Bearer {first}"})
        assert done.status_code == 204
        again = (await web.post("/auth/token", data=form("out@example.com"))).json()["access_token"]
    assert [(await me(shared, token)).status_code for token in (first, second, again)] == [401, 401, 200]
    assert (await shared.call("GET", "/me", as_="viewer@example.com")).status_code == 200


async def test_a_new_password_ends_the_logins_of_the_old_one(shared: Platform) -> None:
    await shared.add_user("renewed@example.com", Role.VIEWER)
    token = await shared.token("renewed@example.com")
    async with shared.database.write() as session:
        await accounts.set_password(session, "renewed@example.com", "battery staple")
    assert (await me(shared, token)).status_code == 401


async def test_tokens_we_did_not_issue_are_refused(shared: Platform) -> None:
    claims = good_claims()
    assert (await me(shared, signed(claims, secret(shared)))).status_code == 200, "or the others prove nothing"
    bad = {
        "garbage": "garbage",
        "three parts": "a.b.c",
        "another key": signed(claims, "k" * 48),
        "no algorithm": jwt.encode(claims, "", algorithm="none"),
        "another algorithm": signed(claims, "k" * 64, "HS512"),
        "expired": signed(claims | {"exp": claims["iat"] - 1}, secret(shared)),
        "no expiry": signed({k: v for k, v in claims.items() if k != "exp"}, secret(shared)),
        "an older version": signed(claims | {"ver": -1}, secret(shared)),
        "nobody": signed(claims | {"sub": "999999"}, secret(shared)),
        "no number": signed(claims | {"sub": "root"}, secret(shared)),
        "cut": signed(claims, secret(shared))[:-3],
    }
    answers = {name: await me(shared, token) for name, token in bad.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(bad, 401)
    assert {answer.json()["code"] for answer in answers.values()} == {"unauthenticated"}


async def test_a_token_lasts_as_long_as_it_says(shared: Platform) -> None:
    tokens = Tokens(secret(shared), lifetime_s=60)
    fresh = tokens.issue(Claims(1, 0), now_ms=wall_clock() - 30_000)
    stale = tokens.issue(Claims(1, 0), now_ms=wall_clock() - 61_000)
    assert [(await me(shared, token)).status_code for token in (fresh, stale)] == [200, 401]


async def test_without_a_login_there_is_nothing(shared: Platform) -> None:
    async with client(shared) as web:
        for headers in ({}, {"authorization": "Basic dXNlcjpwYXNz"}, {"authorization": "Bearer"}):
            answer = await web.get("/me", headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)


async def test_another_page_logs_no_browser_in(shared: Platform) -> None:
    async with shared.web("/api/v1") as web:
        for origin, status in (("https://evil.example", 403), ("null", 403), (shared.url, 204)):
            answer = await web.post("/auth/session", data=form("admin@example.com"), headers={"origin": origin})
            assert (answer.status_code, "set-cookie" in answer.headers) == (status, status == 204), origin


async def test_the_cookie_is_for_the_browser_alone(shared: Platform) -> None:
    async with client(shared) as web:
        answer = await web.post("/auth/session", data=form("admin@example.com"))
        assert (answer.status_code, answer.content) == (204, b"")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert f"max-age={shared.settings.access_token_s}" in cookie
        assert (await web.get("/me")).json()["email"] == "admin@example.com"


async def test_a_write_with_the_cookie_needs_the_header_that_no_form_can_send(shared: Platform) -> None:
    async with client(shared) as web:
        await web.post("/auth/session", data=form("admin@example.com"))
        bare = await web.post("/machines", json={"machine_id": "BY-COOKIE"})
        assert (bare.status_code, bare.json()["code"]) == (403, "forbidden")
        ours = await web.post("/machines", json={"machine_id": "BY-COOKIE"}, headers={"x-requested-with": "sunsweep"})
        assert ours.status_code == 201


async def test_logging_out_takes_the_cookie_away(shared: Platform) -> None:
    await shared.add_user("browser@example.com", Role.VIEWER)
    async with client(shared) as web:
        await web.post("/auth/session", data=form("browser@example.com"))
        stolen = dict(web.cookies)
        await web.post("/auth/logout", headers={"x-requested-with": "sunsweep"})
        assert dict(web.cookies) == {}
        assert (await web.get("/me")).status_code == 401
    async with shared.web("/api/v1", cookies=stolen) as thief:
        assert (await thief.get("/me")).status_code == 401


async def test_a_form_without_its_fields_is_named(shared: Platform) -> None:
    async with client(shared) as web:
        answer = await web.post("/auth/token", data={"username": "admin@example.com"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert answer.json()["field"] == "password"
