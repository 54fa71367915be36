"""What waits: messages in the broker and in the ingest, commands, and how old the last word of a machine is."""

from collections.abc import Iterator
from typing import Any, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from sunsweep.mqtt.emqx_admin import EmqxError
from sunsweep.server.broker.emqx import emqx_admin
from sunsweep.server.db.seats import member_id
from sunsweep.server.db.state import state_of
from sunsweep.server.doctor import repository
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.emqx import amount
from sunsweep.server.doctor.findings import Finding, fails, ok, unknown, warning
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.words import plural, reason, span

_FETCH_S: Final = 5.0
_OLD_S: Final = 30.0
_MANY: Final = 10_000
_FULL: Final = 0.5
"""Of a session's queue."""
_SILENT_MS: Final = 300_000
_COMMAND_MS: Final = 60_000

Page = dict[str, dict[str, float]]
"""Gauges by name, each by the values of its labels."""


async def _look(around: Surroundings) -> list[Finding]:
    stored = [*await _last_word(around), *await _commands(around)]
    return [*stored, *await _in_emqx(around), *await _in_the_ingest(around)]


async def _last_word(around: Surroundings) -> list[Finding]:
    async with around.database.read() as session:
        newest, here = await repository.last_word(session)
    if newest is None:
        return [ok("no machine has said anything yet")]
    ago_ms = max(0, around.now_ms() - newest)
    words = f"the last word of a machine was stored {span(ago_ms)} ago; {plural(here, 'machine')} online"
    if here and ago_ms > _SILENT_MS:
        return [fails(words, "see `ingest` and `broker` here: what they say is not stored")]
    return [ok(words)]


async def _commands(around: Surroundings) -> list[Finding]:
    async with around.database.read() as session:
        waiting, held_up = await repository.waiting_commands(session, late_ms=around.now_ms() - _COMMAND_MS)
    if held_up:
        words = f"{plural(held_up, 'command')} for machines that are online have waited for more than a minute"
        return [warning(words, "see `duties` here, and the log of `dispatch`")]
    return [ok(f"waiting for their machines: {plural(waiting, 'command')}")]


async def _in_emqx(around: Surroundings) -> list[Finding]:
    admin = emqx_admin(around.settings)
    if admin is None:
        return []
    async with around.database.read() as session:
        members = await state_of(session, "ingest_members")
    findings = []
    async with admin:
        try:
            for number in range(members):
                findings.append(_of_session(member_id(number), await admin.session(member_id(number))))  # noqa: PERF401
        except EmqxError as error:
            findings.append(unknown(f"how many messages wait in EMQX: {reason(error)}"))
    return findings


def _of_session(name: str, shown: dict[str, Any] | None) -> Finding:
    if shown is None:
        return fails(f"EMQX has no session {name}: what machines say now is lost to it", "start `sunsweep ingest`")
    waiting, room = int(amount(shown.get("mqueue_len", 0))), amount(shown.get("mqueue_max", 0))
    words = f"waiting in EMQX for {name}: {plural(waiting, 'message')}"
    if room > 0 and waiting > room * _FULL:
        return fails(f"{words}, and there is room for {room:,.0f}", "start more members, or see why the ingest is slow")
    if waiting > _MANY:
        return warning(words, "look again in a minute: does it grow? Then start more members")
    if shown.get("connected") is False:
        return warning(f"{words}, and nobody reads them", "start `sunsweep ingest`")
    return ok(words)


async def _in_the_ingest(around: Surroundings) -> list[Finding]:
    named = [(url, True) for url in around.metrics_urls]
    if around.serving is not None and around.folder is None:
        host = around.serving.host.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  where it listens, not we
        named.append((f"http://{host}:{around.serving.port}/metrics", False))
    findings: list[Finding] = []
    for url, wanted in named:
        try:
            findings += _of_page(await _fetch(url))
        except (httpx.HTTPError, ValueError) as error:
            if wanted:
                findings.append(fails(f"{url} does not answer: {reason(error)}", "see whether that process runs"))
    return findings or [unknown("how many messages wait within the ingest", "name its page: --metrics URL")]


async def _fetch(url: str) -> Page:
    # Reading all authorities takes longer than the page.
    async with httpx.AsyncClient(timeout=_FETCH_S, trust_env=False, verify=url.startswith("https:")) as client:
        return read_page((await client.get(url)).raise_for_status().text)


def read_page(text: str) -> Page:
    """The gauges of a page of `/metrics`; raises ValueError where it is none."""
    return {
        family.name: {",".join(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
        if family.type == "gauge"
    }


def _of_page(page: Page) -> Iterator[Finding]:
    """What a process says of itself; one without an ingest says nothing."""
    oldest = page.get("sunsweep_ingest_oldest_seconds", {})
    inbox = page.get("sunsweep_ingest_inbox_messages", {})
    if any(page.get("sunsweep_ingest_store_away", {}).values()):
        yield fails("an ingest says that the database takes nothing", "see `database` here, and that ingest's log")
    if stuck := [stage for stage, members in page.get("sunsweep_ingest_stuck", {}).items() if members]:
        yield fails(f"a stage of an ingest does not move: {', '.join(sorted(stuck))}", "see its log; start it anew")
    if any(page.get("sunsweep_ingest_refusal_alarm", {}).values()):
        yield warning("many machines at once send what is refused", "a bad deploy, here or there: see the dead letters")
    if inbox:
        waiting, oldest_s = int(sum(inbox.values())), max(oldest.values(), default=0.0)
        words = f"waiting within an ingest: {plural(waiting, 'message')}, the oldest for {span(oldest_s * 1000)}"
        slow = "look again in a minute; then see `database` here, and how busy the computer is"
        yield warning(words, slow) if oldest_s > _OLD_S else ok(words)


QUEUES: Final = Check(
    "queues", "What waits in broker, ingest and dispatch; how old the last stored word is", _look, 30.0
)
