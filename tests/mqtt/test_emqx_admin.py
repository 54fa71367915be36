"""Ending the sessions of a login at EMQX, whatever their clientids are, and saying plainly when that failed."""

from collections.abc import AsyncIterator

import pytest

from sunsweep.mqtt.emqx_admin import PAGE, EmqxAdmin, EmqxError
from sunsweep.mqtt.port import MqttError
from tests.support.emqx_api import KEY, SECRET, EmqxApi, running_api
from tests.support.ports import free_port


@pytest.fixture
async def api() -> AsyncIterator[EmqxApi]:
    async with running_api() as running:
        yield running


@pytest.fixture
async def admin(api: EmqxApi) -> AsyncIterator[EmqxAdmin]:
    async with EmqxAdmin(api.url, KEY, SECRET) as client:
        yield client


async def test_all_sessions_of_a_login_end_and_nobody_else_s(api: EmqxApi, admin: EmqxAdmin) -> None:
    api.add("one", "m-a")
    api.add("two", "m-a")
    api.add("other", "m-b")
    await admin.kick("m-a")
    assert api.sessions == {"other": "m-b"}
    assert api.cached == {"other"}


async def test_the_cache_goes_before_the_session(api: EmqxApi, admin: EmqxAdmin) -> None:
    api.add("one", "m-a")
    await admin.kick("m-a")
    assert [asked for asked in api.asked if asked.startswith("DELETE")] == [
        "DELETE /api/v5/clients/one/authorization/cache",
        "DELETE /api/v5/clients/one",
    ]


async def test_who_has_no_session_needs_no_end(api: EmqxApi, admin: EmqxAdmin) -> None:
    await admin.kick("m-a")
    assert api.asked == [f"GET /api/v5/clients?username=m-a&page=1&limit={PAGE}"]


@pytest.mark.parametrize(
    "clientid", ["a/b", "a b", "a%2Fb", "ü🤖", "?x=1", "#", "+", "../../banned", "a.b", "...", "&", "a;b", "\\", "%00"]
)
async def test_a_clientid_is_free(api: EmqxApi, admin: EmqxAdmin, clientid: str) -> None:
    api.add(clientid, "m-a")
    await admin.kick("m-a")
    assert api.sessions == {}


@pytest.mark.parametrize("sessions", [5, 6])
async def test_more_sessions_than_a_page_holds(api: EmqxApi, sessions: int) -> None:
    for number in range(sessions):
        api.add(f"client-{number}", "m-a")
    async with EmqxAdmin(api.url, KEY, SECRET, page=3) as admin:
        await admin.kick("m-a")
    assert api.sessions == {}


async def test_a_session_that_ends_by_itself_is_no_failure(api: EmqxApi, admin: EmqxAdmin) -> None:
    api.add("one", "m-a")

    def gone(asked: str) -> tuple[int, bytes] | None:
        if asked.startswith("DELETE"):
            api.sessions.clear()
        return None

    api.answer = gone
    await admin.kick("m-a")


async def test_a_list_that_lags_behind_is_looked_at_again(api: EmqxApi, admin: EmqxAdmin) -> None:
    api.lingers = 2
    api.add("one", "m-a")
    await admin.kick("m-a")
    assert api.sessions == {}


async def test_a_session_that_stays_is_told(api: EmqxApi, admin: EmqxAdmin) -> None:
    api.lingers = 100
    api.add("one", "m-a")
    with pytest.raises(EmqxError, match="still has sessions of m-a: 'one'"):
        await admin.kick("m-a")


async def test_a_wrong_key_is_told(api: EmqxApi) -> None:
    async with EmqxAdmin(api.url, KEY, "wrong") as stranger:
        with pytest.raises(EmqxError, match="SUNSWEEP_EMQX_KEY"):
            await stranger.kick("m-a")


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"oops"), (503, b""), (200, b"<html>"), (200, b'{"data":null}'), (302, b"")]
)
async def test_an_answer_that_is_none_is_told(api: EmqxApi, admin: EmqxAdmin, status: int, body: bytes) -> None:
    api.answer = lambda _: (status, body)
    with pytest.raises(EmqxError):
        await admin.kick("m-a")


async def test_an_end_that_is_refused_is_told(api: EmqxApi, admin: EmqxAdmin) -> None:
    api.add("one", "m-a")
    api.answer = lambda asked: (500, b"oops") if asked.startswith("DELETE") else None
    with pytest.raises(EmqxError, match="answered 500 to DELETE clients/one"):
        await admin.kick("m-a")


async def test_nobody_there_is_told_as_one_of_ours() -> None:
    async with EmqxAdmin(f"http://127.0.0.1:{free_port()}", KEY, SECRET) as admin:
        with pytest.raises(MqttError, match="was not reached"):
            await admin.kick("m-a")
