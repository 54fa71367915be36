"""EMQX's settings as its admin interface tells them: ours are well, its defaults are not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from sunsweep.mqtt.emqx_admin import EmqxAdmin, EmqxError
from sunsweep.server.doctor.clocks import CLOCKS
from sunsweep.server.doctor.emqx import EMQX, amount
from sunsweep.server.doctor.findings import Level
from sunsweep.server.doctor.logins import LOGINS
from sunsweep.server.doctor.queues import QUEUES
from sunsweep.server.doctor.surroundings import Surroundings
from tests.doctor.emqx import DEFAULTS, Shown
from tests.doctor.looking import levels, look, told
from tests.support.emqx_api import KEY, SECRET, EmqxApi, running_api


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """On this one alone."""
    return sqlite_url


@pytest.fixture
async def api() -> AsyncIterator[EmqxApi]:
    async with running_api() as running:
        running.answer = Shown()
        yield running


@pytest.fixture
def shown(api: EmqxApi) -> Shown:
    assert isinstance(api.answer, Shown)
    return api.answer


@pytest.fixture
def beside(api: EmqxApi, around: Surroundings) -> Surroundings:
    """A backend whose broker is EMQX."""
    secret = type(around.settings.emqx_secret)(SECRET)
    settings = around.settings.model_copy(update={"emqx_url": api.url, "emqx_key": KEY, "emqx_secret": secret})
    return replace(around, settings=settings)


async def test_emqx_as_we_set_it_up_is_well(beside: Surroundings) -> None:
    findings = await look(EMQX, beside)
    assert levels(findings) == {Level.OK}, findings
    assert told(findings, Level.OK)[0] == "EMQX 5.3.0 answers, 1 node"


async def test_its_defaults_are_told_one_by_one(beside: Surroundings, shown: Shown) -> None:
    shown.trees = dict(DEFAULTS)
    findings = await look(EMQX, beside)
    assert [words.partition(" is ")[0] for words in told(findings, Level.FAILS)] == [
        "mqtt.max_mqueue_len",
        "force_shutdown.max_mailbox_size",
        "force_shutdown.max_heap_size",
        "authorization.no_match",
        "authorization.deny_action",
    ]
    assert [words.partition(" is ")[0] for words in told(findings, Level.WARNING)] == [
        "mqtt.max_inflight",
        "mqtt.session_expiry_interval",
        "mqtt.mqueue_store_qos0",
        "mqtt.shared_subscription_strategy",
        "authorization.cache.ttl",
        "retainer.backend.storage_type",
    ]


async def test_a_password_that_everybody_knows_is_told(beside: Surroundings, api: EmqxApi) -> None:
    api.dashboard["admin"] = "public"
    (words,) = told(await look(EMQX, beside), Level.FAILS)
    assert "the password that everybody knows" in words


async def test_messages_that_were_dropped_are_told(beside: Surroundings, shown: Shown) -> None:
    shown.metrics["delivery.dropped.queue_full"] = 1528
    (words,) = told(await look(EMQX, beside), Level.WARNING)
    assert "it has dropped 1,528 messages" in words


async def test_a_listener_that_does_not_run_is_told(beside: Surroundings, shown: Shown) -> None:
    shown.listeners[0]["status"] = {"running": False}
    (words,) = told(await look(EMQX, beside), Level.FAILS)
    assert "its listener ssl:default on 0.0.0.0:8883 does not run" in words
    shown.listeners[0]["enable"] = False
    assert levels(await look(EMQX, beside)) == {Level.OK}


async def test_a_node_that_is_down_or_narrow_is_told(beside: Surroundings, shown: Shown) -> None:
    shown.nodes[0] |= {"node_status": "stopped", "max_fds": 1024}
    findings = await look(EMQX, beside)
    assert told(findings, Level.FAILS) == ["its node emqx@127.0.0.1 is stopped"]
    assert told(findings, Level.WARNING) == ["its node emqx@127.0.0.1 may open 1024 files, and each connection is one"]


async def test_a_wrong_key_is_told_and_not_shown(beside: Surroundings) -> None:
    settings = beside.settings.model_copy(update={"emqx_key": "another-key"})
    findings = await look(EMQX, replace(beside, settings=settings))
    assert told(findings, Level.FAILS) == ["EMQX does not know this key (SUNSWEEP_EMQX_KEY, SUNSWEEP_EMQX_SECRET)"]
    assert SECRET not in str(findings)


async def test_an_answer_that_is_none_does_not_break_the_check(beside: Surroundings, shown: Shown) -> None:
    shown.trees["configs/global_zone"] = []
    (finding,) = await look(EMQX, beside)
    assert finding.level is Level.UNKNOWN


async def test_no_emqx_is_no_fault(around: Surroundings) -> None:
    assert levels(await look(EMQX, around)) == {Level.OK}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(32, 32), ("32", 32), ("1d", 86_400_000), ("1h30m", 5_400_000), ("2MB", 2**21), ("2GB", 2**31), ("1.5KB", 1536),
     ("infinity", float("inf")), ("disabled", -1), ("1x", -1), ("d", -1), (None, -1)],
)  # fmt: skip
async def test_emqx_writes_amounts_with_units(value: Any, wanted: float) -> None:
    assert amount(value) == wanted


async def test_a_member_without_a_session_loses_what_comes(beside: Surroundings) -> None:
    (words,) = told(await look(QUEUES, beside), Level.FAILS)
    assert "EMQX has no session ingest-0" in words


@pytest.mark.parametrize(
    ("session", "level", "words"),
    [
        ({"mqueue_len": 3, "mqueue_max": 1_000_000, "connected": True}, Level.OK, "3 messages"),
        ({"mqueue_len": 1, "mqueue_max": 1_000_000, "connected": False}, Level.WARNING, "nobody reads them"),
        ({"mqueue_len": 20_000, "mqueue_max": 1_000_000, "connected": True}, Level.WARNING, "20,000 messages"),
        ({"mqueue_len": 600_000, "mqueue_max": 1_000_000, "connected": True}, Level.FAILS, "room for 1,000,000"),
        ({"mqueue_len": 600_000, "mqueue_max": 0, "connected": True}, Level.WARNING, "600,000 messages"),
    ],
)
async def test_what_waits_in_emqx_is_told(
    beside: Surroundings, shown: Shown, session: dict[str, Any], level: Level, words: str
) -> None:
    shown.sessions["ingest-0"] = session
    told_words = [one for one in told(await look(QUEUES, beside), level) if "in EMQX" in one]
    assert len(told_words) == 1
    assert words in told_words[0]


@pytest.mark.parametrize(
    ("ahead_s", "level"), [(0, Level.OK), (-10, Level.WARNING), (10, Level.WARNING), (3600, Level.FAILS)]
)
async def test_a_clock_that_differs_is_told(beside: Surroundings, api: EmqxApi, ahead_s: float, level: Level) -> None:
    api.date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead_s), usegmt=True)
    assert any("EMQX's clock" in words for words in told(await look(CLOCKS, beside), level))


async def test_a_clock_that_says_nothing_is_unknown(beside: Surroundings) -> None:
    assert told(await look(CLOCKS, beside), Level.UNKNOWN)


async def test_emqx_follows_the_logins_by_itself(beside: Surroundings) -> None:
    assert told(await look(LOGINS, beside), Level.OK) == ["EMQX reads the logins by itself"]


async def test_the_admin_client_says_what_it_cannot_read(api: EmqxApi) -> None:
    async with EmqxAdmin(api.url, KEY, SECRET) as admin:
        with pytest.raises(EmqxError, match="no answer that can be read to nodes"):
            await admin.read("nodes", dict[str, Any])
        with pytest.raises(EmqxError, match="answered 404"):
            await admin.read("nothing", dict[str, Any])
        assert await admin.session("nobody") is None
