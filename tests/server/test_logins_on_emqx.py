"""Where the broker is EMQX: it says whom it has let in, and its admin client ends what is to end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import mqtt5
import pytest

from sunsweep.contract.topics import CONNECTED
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.machines import service as machines
from sunsweep.server.jobs.timetable import Jobs
from tests.support.fake_broker import WELCOME, FakeBroker, any_packet_from, fake_broker, packet_from, until_gone
from tests.support.platform import HOST, eventually


class Admin:
    def __init__(self) -> None:
        self.kicked: list[str] = []

    async def kick(self, username: str) -> None:
        self.kicked.append(username)


@asynccontextmanager
async def says(*payloads: bytes) -> AsyncIterator[FakeBroker]:
    """A broker that says this to whoever asks for its word of those who come."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(WELCOME)
        asked = await any_packet_from(reader)
        assert isinstance(asked, mqtt5.SubscribePacket)
        assert [one.pattern for one in asked.topic_filters] == [CONNECTED]
        writer.write(mqtt5.SubAckPacket(asked.packet_id, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE]).write())
        for payload in payloads:
            writer.write(mqtt5.PublishPacket("$SYS/brokers/emqx@a/clients/x/connected", payload).write())
        await until_gone(reader)

    async with fake_broker(script) as broker:
        yield broker


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    opened = Database(sqlite_url)
    await upgrade(opened)
    async with opened.write() as session:
        await accounts.add_company(session, "Alpha", now_ms=wall_clock())
    yield opened
    await opened.close()


async def test_the_old_login_is_kicked_once_emqx_has_let_the_new_one_in(database: Database) -> None:
    async with database.write() as session:
        machine, old = await machines.add(session, 1, "M-1", now_ms=wall_clock())
        new = await machines.rotate(session, machine, now_ms=wall_clock())
        await machines.add(session, 1, "M-2", now_ms=wall_clock())
    word = b'{"username":"%s","clientid":"x","proto_ver":5,"connack":0}' % new.mqtt_username.encode()
    admin = Admin()
    async with says(b"no JSON", b"[]", b'{"username":null}', b'{"username":"undefined"}', word) as broker:
        settings = ConnectionSettings(host=HOST, port=broker.port)
        jobs = Jobs(
            database, MqttClient(settings), connection=settings, retention_days=90, now_ms=wall_clock, kicker=admin
        )
        running = asyncio.create_task(jobs.run(), name="jobs")

        async def kicked() -> list[str]:
            return admin.kicked

        try:
            assert await eventually(kicked) == [old.mqtt_username]
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
