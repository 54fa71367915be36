"""Logins that begin, are renewed, and end, against a real server."""

import asyncio
import time

import httpx
import pytest

from sunsweep.app.net.errors import Away, Refused, Why
from sunsweep.server.features.accounts.roles import Role
from tests.app.net.clients import ADMIN, tabs, window
from tests.support.platform import PASSWORD, Platform
from tests.support.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFRESH = "POST /api/v1/auth/refresh"


def forget_access(browser: httpx.AsyncClient) -> None:
    """As after an hour."""
    browser.cookies.delete("sunsweep_session")


async def test_a_wrong_password_is_told_and_signs_nobody_out(site: Platform) -> None:
    async with window(site, None) as client:
        with pytest.raises(Refused) as refusal:
            await client.api.log_in(ADMIN, "wrong")
        assert (refusal.value.status, refusal.value.code) == (401, "unauthenticated")
        assert client.signed_out == 0
        with pytest.raises(Refused):
            await client.api.me()
        assert client.signed_out == 0


async def test_who_am_i(site: Platform) -> None:
    async with window(site) as client:
        me = await client.api.me()
    assert (me.email, me.role, me.company_id, me.company) == (ADMIN, "admin", 1, "Alpha")
    assert me.may_command
    assert me.may_administer
    assert not me.is_platform_admin


async def test_calls_that_find_at_once_that_a_token_ran_out_renew_it_once(site: Platform) -> None:
    async with window(site) as client:
        client.login._access = "bad"  # type: ignore[attr-defined]  # a token's
        everybody = await asyncio.gather(*(client.api.me() for _ in range(8)))
        assert {me.email for me in everybody} == {ADMIN}
        assert client.http.count(REFRESH) == 1
        assert client.signed_out == 0


async def test_tabs_renew_one_after_another_and_the_second_finds_it_done(site: Platform) -> None:
    async with tabs(site, 3) as (browser, pages):
        await pages[0].api.log_in(ADMIN, PASSWORD)
        forget_access(browser)
        everybody = await asyncio.gather(*(page.api.me() for page in pages for _ in range(3)))
        assert {me.email for me in everybody} == {ADMIN}
        assert sum(page.http.count(REFRESH) for page in pages) == 1


async def test_a_browser_writes_with_the_header_that_no_other_site_can_send(site: Platform) -> None:
    async with tabs(site, 1) as (_, (page,)):
        await page.api.log_in(ADMIN, PASSWORD)
        added = await page.api.add_machine({"machine_id": "COOKIE-1", "name": "Row 1"})
        assert added["mqtt_password"]


async def test_a_login_that_was_ended_elsewhere_is_told_once(site: Platform) -> None:
    async with tabs(site, 1) as (browser, (page,)):
        await page.api.log_in(ADMIN, PASSWORD)
        await page.api.me()
        browser.cookies.clear()
        outcomes = await asyncio.gather(*(page.api.me() for _ in range(4)), return_exceptions=True)
        assert all(isinstance(one, Refused) and one.status == 401 for one in outcomes)
        assert page.signed_out == 1
        with pytest.raises(Refused):
            await page.api.me()
        assert page.signed_out == 1
        await page.api.log_in(ADMIN, PASSWORD)
        browser.cookies.clear()
        with pytest.raises(Refused):
            await page.api.me()
        assert page.signed_out == 2


async def test_who_logs_out_is_not_told_that_he_did(site: Platform) -> None:
    async with window(site, "viewer@example.com") as client:
        await client.api.log_out()
        assert client.login.headers("GET") == {}
        with pytest.raises(Refused):
            await client.api.me()
        assert client.signed_out == 0


async def test_a_new_password_keeps_this_login_and_ends_the_others(site: Platform) -> None:
    async with window(site, None) as client, window(site, None) as other:
        await site.add_user("changes@example.com", Role.VIEWER, company_id=1)
        await client.api.log_in("changes@example.com", PASSWORD)
        await other.api.log_in("changes@example.com", PASSWORD)
        await client.api.change_password(PASSWORD, "another horse, correct")
        assert (await client.api.me()).email == "changes@example.com"
        with pytest.raises(Refused):
            await other.api.me()
        assert other.signed_out == 1


async def test_a_server_that_is_away_ends_no_login(site: Platform) -> None:
    async with window(site) as client:
        client.login._access = "bad"  # type: ignore[attr-defined]
        await site.stop_web()
        try:
            with pytest.raises(Away) as away:
                await client.api.me()
            assert away.value.why is Why.NETWORK
        finally:
            await site.start_web()
        assert (await client.api.me()).email == ADMIN
        assert client.signed_out == 0


async def test_nobody_listens(site: Platform) -> None:
    async with window(site, None, port=free_port()) as client:
        with pytest.raises(Away) as away:
            await client.api.me()
        assert away.value.why is Why.NETWORK
        assert not await client.api.is_there(1)


async def test_the_servers_clock_is_read_from_its_answers(site: Platform) -> None:
    async with window(site, None) as client:
        client.session.clock._offset_s += 7200
        client.session.clock._is_told = False
        await client.api.log_in(ADMIN, PASSWORD)
        assert abs(client.session.clock._offset_s - _offset_s()) < 3


def _offset_s() -> float:
    return time.time() - time.monotonic()
