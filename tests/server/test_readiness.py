"""What is amiss although broker and database can be reached is said, and is no reason to send nobody here."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sunsweep.server import metrics
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.state import set_state, state_of
from tests.support.platform import Platform, eventually

HOUR_MS = 3_600_000

module_loop = pytest.mark.asyncio(loop_scope="module")


async def ready(platform: Platform) -> dict[str, Any]:
    async with platform.web() as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    assert (body["database"], body["broker"]) == ("ok", "ok")
    return body


def is_well(platform: Platform) -> Callable[[], Awaitable[bool]]:
    """A member is taken a moment after the start."""

    async def well() -> bool:
        return (await ready(platform)) == {"status": "ok", "database": "ok", "broker": "ok"}

    return well


@contextmanager
def refusal_alarm() -> Iterator[None]:
    metrics.REFUSAL_ALARM.set(1)
    yield
    metrics.REFUSAL_ALARM.set(0)


@contextmanager
def stuck_stage() -> Iterator[None]:
    metrics.STUCK.labels("commit").inc()
    yield
    metrics.STUCK.labels("commit").dec()


@pytest.mark.parametrize(
    ("trouble", "name", "words"),
    [(refusal_alarm, "refusals", "many machines"), (stuck_stage, "stages", "commit")],
)
@module_loop
async def test_what_this_process_knows_is_said(shared: Platform, trouble: Any, name: str, words: str) -> None:
    await eventually(is_well(shared))
    with trouble():
        body = await ready(shared)
        assert body["status"] == "degraded"
        assert words in body[name]
    assert (await ready(shared))["status"] == "ok"


@module_loop
async def test_counting_that_is_hours_behind_is_said(shared: Platform) -> None:
    await shared.stop_backend()
    now_ms = wall_clock()
    async with shared.database.write() as session:
        before = await state_of(session, "rolled_until")
        await set_state(session, "rolled_until", now_ms - 3 * HOUR_MS)
    body = await ready(shared)
    assert (body["status"], body["counting"]) == ("degraded", "roll-ups and ledger are 3.0 hours behind")
    async with shared.database.write() as session:
        await set_state(session, "rolled_until", before)
    assert "counting" not in await ready(shared)
    await shared.start_backend()
    await eventually(is_well(shared))
