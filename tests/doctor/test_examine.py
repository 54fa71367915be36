"""Checks run side by side: one that hangs or breaks hides none of the others."""

import asyncio
from typing import Any, cast

import pytest

from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.examine import examine
from sunsweep.server.doctor.findings import Finding, Level, ok
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.threads import in_daemon_thread
from sunsweep.server.doctor.words import plural, size, span

AROUND = cast("Surroundings", None)


def check(name: str, look: Any, within_s: float = 5.0) -> Check:
    return Check(name, f"tries {name}", look, within_s)


async def well(_: Surroundings) -> list[Finding]:
    return [ok("well")]


async def hangs(_: Surroundings) -> list[Finding]:
    await asyncio.Event().wait()
    return []


async def breaks(_: Surroundings) -> list[Finding]:
    raise KeyError("whatever")


async def is_away(_: Surroundings) -> list[Finding]:
    raise ConnectionRefusedError(111, "Connection refused")


async def examined(*checks: Check) -> list[tuple[str, Level]]:
    return [
        (answer.check.name, finding.level) async for answer in examine(checks, AROUND) for finding in answer.findings
    ]


async def test_answers_come_in_order_and_one_that_hangs_hides_none() -> None:
    found = await examined(check("first", well), check("hangs", hangs, 0.1), check("last", well))
    assert found == [("first", Level.OK), ("hangs", Level.FAILS), ("last", Level.OK)]


async def test_one_that_breaks_fails_alone() -> None:
    assert await examined(check("breaks", breaks), check("last", well)) == [("breaks", Level.FAILS), ("last", Level.OK)]


async def test_what_cannot_be_looked_at_is_unknown() -> None:
    (answer,) = [answer async for answer in examine([check("away", is_away)], AROUND)]
    (finding,) = answer.findings
    assert finding.level is Level.UNKNOWN
    assert "Connection refused" in finding.words


async def test_they_run_at_the_same_time() -> None:
    both = asyncio.Barrier(2)

    async def meets(_: Surroundings) -> list[Finding]:
        await both.wait()
        return [ok("met")]

    assert await examined(check("one", meets), check("two", meets)) == [("one", Level.OK), ("two", Level.OK)]


async def test_who_stops_listening_leaves_nothing_running() -> None:
    ended = []

    async def tidies(_: Surroundings) -> list[Finding]:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("tidy")
        return []

    answers = examine([check("first", well), check("tidies", tidies, 60)], AROUND)
    await anext(answers)
    await answers.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert ended == ["tidy"]


async def test_a_thread_that_hangs_is_left_to_itself() -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def blocks() -> None:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await in_daemon_thread(blocks)
    release.set()


async def test_a_thread_hands_on_its_result_and_its_error() -> None:
    assert await in_daemon_thread(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await in_daemon_thread(lambda: 1 // 0)


@pytest.mark.parametrize(
    ("ms", "words"),
    [(0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (90_000, "1.5 min"), (5.4e6, "1.5 h"), (2e8, "2.3 d")],
)
def test_spans_in_words(ms: float, words: str) -> None:
    assert span(ms) == words


def test_sizes_and_numbers_in_words() -> None:
    assert (size(12), size(2**20 * 3), size(2**30 * 1.5)) == ("12 bytes", "3 MiB", "1.5 GiB")
    assert (plural(1, "machine"), plural(1200, "machine"), plural(0, "box", "boxes")) == (
        "1 machine",
        "1,200 machines",
        "0 boxes",
    )
