"""One company's machines send rubbish as fast as the broker takes it: another company notices nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import pytest

from sunsweep.mqtt.client import MqttClient
from tests.server.viewers import frames, viewing
from tests.support.platform import Platform, eventually, topic

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN, VIEWER = "admin@beta.example", "viewer@beta.example"
FLOODERS = 12
SAMPLES = 40
RUBBISH = (b"{" * 200, b"\xff" * 200, b'{"battery":NaN}', b"[]")


@asynccontextmanager
async def flooded(platform: Platform) -> AsyncIterator[list[int]]:
    """Twelve machines of company 1, half of them at QoS 1; how many messages are out so far."""
    sent = [0]

    async def rush(client: MqttClient, where: str, qos: int) -> None:
        while True:
            await asyncio.gather(*(client.publish(where, RUBBISH[n % 4], qos=qos) for n in range(50)))
            sent[0] += 50
            await asyncio.sleep(0)

    async with AsyncExitStack() as stack:
        clients = []
        for number in range(FLOODERS):
            login = await platform.add_machine(f"FLOOD-{number}")
            client = await stack.enter_async_context(platform.mqtt(login.mqtt_username, login.mqtt_password))
            clients.append((client, topic(login, "telemetry"), number % 2))
        rushing = [asyncio.create_task(rush(*one), name="flood") for one in clients]
        try:
            yield sent
        finally:
            for task in rushing:
                task.cancel()
            await asyncio.gather(*rushing, return_exceptions=True)


def sample(seq: int) -> bytes:
    body = {"battery": 12.5, "ts": datetime.now(UTC).isoformat(), "boot": 7, "seq": seq}
    return json.dumps(body).encode()


async def test_another_company_notices_nothing(shared: Platform) -> None:
    login = await shared.add_machine("CALM-1", 2)
    bare = await shared.add_machine("CALM-2", 2)
    async with (
        shared.mqtt(login.mqtt_username, login.mqtt_password) as mine,
        shared.mqtt(bare.mqtt_username, bare.mqtt_password) as plain,
        viewing(shared, "CALM-1", as_=VIEWER) as socket,
        flooded(shared) as sent,
    ):
        for seq in range(1, SAMPLES + 1):
            await mine.publish(topic(login, "telemetry"), sample(seq), qos=1)
            await plain.publish(topic(bare, "telemetry"), b'{"battery":%d}' % seq)
            await asyncio.sleep(0.02)
        seen = await frames(socket, "telemetry", SAMPLES)
        assert [frame["data"]["seq"] for frame in seen] == list(range(1, SAMPLES + 1))

        await eventually(partial(all_stored, shared, "CALM-1"))
        async with shared.web() as web:
            ready = (await web.get("/readyz")).json()
        assert sent[0] > 1000, "there was a flood"
    await eventually(partial(all_stored, shared, "CALM-2"))
    assert ready["status"] == "ok", ready
    (boot,) = (await shared.get("/machines/CALM-1/ledger", as_=ADMIN))["items"]
    assert (boot["stored"]["ranges"], boot["rejected"]["count"]) == ([[1, SAMPLES]], 0)
    assert (await shared.get("/dead-letters", as_=ADMIN))["items"] == []
    assert len((await shared.get("/dead-letters"))["items"]) > 0


async def all_stored(platform: Platform, serial: str) -> bool:
    page = await platform.get(f"/machines/{serial}/telemetry?limit=100", as_=ADMIN)
    return len(page["items"]) == SAMPLES
