"""One company's machines send rubbish as fast as the broker takes it: another company notices nothing."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import pytest

from sunsweep.contract.refusal import Reason
from sunsweep.server import metrics
from tests.server.viewers import frames, viewing
from tests.support import flood
from tests.support.platform import Platform, eventually, topic

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN, VIEWER = "admin@beta.example", "viewer@beta.example"
FLOODERS = 12
SAMPLES = 40


@asynccontextmanager
async def flooded(platform: Platform) -> AsyncIterator[None]:
    """Twelve machines of company 1 in two processes, one at QoS 0 and one at QoS 1; the flood has arrived."""
    who = [flood.argument(await platform.add_machine(f"FLOOD-{number}")) for number in range(FLOODERS)]
    before = metrics.REJECTED.labels(Reason.NOT_JSON)._value.get()
    rushing = [
        await asyncio.create_subprocess_exec(sys.executable, flood.__file__, str(platform.mqtt_port), str(qos), *part)
        for qos, part in enumerate((who[::2], who[1::2]))
    ]

    async def arrived() -> bool:
        return bool(metrics.REJECTED.labels(Reason.NOT_JSON)._value.get() > before + 2000)

    try:
        await eventually(arrived)
        yield
        assert [one.returncode for one in rushing] == [None, None]
    finally:
        for one in rushing:
            one.kill()
            await one.wait()


def sample(seq: int) -> bytes:
    body = {"battery": 12.5, "ts": datetime.now(UTC).isoformat(), "boot": 7, "seq": seq}
    return json.dumps(body).encode()


async def test_another_company_is_served_while_it_lasts(shared: Platform) -> None:
    login = await shared.add_machine("CALM-1", 2)
    bare = await shared.add_machine("CALM-2", 2)
    async with (
        shared.mqtt(login.mqtt_username, login.mqtt_password) as mine,
        shared.mqtt(bare.mqtt_username, bare.mqtt_password) as plain,
        viewing(shared, "CALM-1", as_=VIEWER) as socket,
        flooded(shared),
    ):
        for seq in range(1, SAMPLES + 1):
            await mine.publish(topic(login, "telemetry"), sample(seq), qos=1)
            await plain.publish(topic(bare, "telemetry"), b'{"battery":%d}' % seq)
            await asyncio.sleep(0.02)
        seen = await frames(socket, "telemetry", SAMPLES)
        assert [frame["data"]["seq"] for frame in seen] == list(range(1, SAMPLES + 1))

        async with shared.web() as web:
            ready = (await web.get("/readyz")).json()
        assert ready["status"] == "ok", ready
        for serial in ("CALM-1", "CALM-2"):
            await eventually(partial(all_stored, shared, serial))
    (boot,) = (await shared.get("/machines/CALM-1/ledger", as_=ADMIN))["items"]
    assert (boot["stored"]["ranges"], boot["rejected"]["count"]) == ([[1, SAMPLES]], 0)
    assert (await shared.get("/dead-letters", as_=ADMIN))["items"] == []
    assert len((await shared.get("/dead-letters"))["items"]) > 0


async def all_stored(platform: Platform, serial: str) -> bool:
    page = await platform.get(f"/machines/{serial}/telemetry?limit=100", as_=ADMIN)
    return len(page["items"]) == SAMPLES
