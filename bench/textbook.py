"""The handler of the textbooks: aiomqtt 2, pydantic, SQLAlchemy, a batch of 100, one commit each.

It acknowledges before it stores (aiomqtt 2 does), looks at no owner, keeps no newest state and sends no receipts.

`python bench/textbook.py PORT USERNAME PASSWORD DATABASE_URL MESSAGES`: prints `ready`, then JSON.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from aiomqtt import Client
from pydantic import BaseModel
from sqlalchemy import BigInteger, Float, SmallInteger, Text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

BATCH = 100


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "telemetry"
    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ts: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    battery: Mapped[float | None] = mapped_column(Float)
    solar_v: Mapped[float | None] = mapped_column(Float)
    solar_a: Mapped[float | None] = mapped_column(Float)
    water: Mapped[float | None] = mapped_column(Float)
    extra: Mapped[str | None] = mapped_column(Text)
    flags: Mapped[int] = mapped_column(SmallInteger)
    received_at: Mapped[int] = mapped_column(BigInteger)


class Sample(BaseModel):
    battery: float | None = None
    solar_v: float | None = None
    solar_a: float | None = None
    water: float | None = None
    extra: dict[str, Any] = {}
    ts: datetime
    boot: int
    seq: int


def row(topic: str, payload: bytes) -> Row:
    sample = Sample.model_validate_json(payload)
    machine = int(topic.split("/")[3].rpartition("-")[2]) + 1
    return Row(
        machine_id=machine, ts=int(sample.ts.timestamp() * 1000), boot=sample.boot, seq=sample.seq,
        battery=sample.battery, solar_v=sample.solar_v, solar_a=sample.solar_a, water=sample.water,
        extra=json.dumps(sample.extra), flags=0, received_at=int(datetime.now(UTC).timestamp() * 1000),
    )  # fmt: skip


async def store(sessions: async_sessionmaker[AsyncSession], rows: list[Row]) -> None:
    async with sessions() as session:
        session.add_all(rows)
        await session.commit()


async def run(port: int, login: tuple[str, str], url: str, messages: int) -> None:
    engine = create_async_engine(url)
    sessions = async_sessionmaker(engine)
    cpu, began, done = 0.0, 0.0, 0
    async with Client(
        "127.0.0.1", port, username=login[0], password=login[1], max_queued_incoming_messages=0
    ) as client:
        await client.subscribe("company/+/machine/+/telemetry", qos=1)
        print("ready", flush=True)
        cpu = time.process_time()
        rows: list[Row] = []
        async for message in client.messages:
            began = began or time.perf_counter()
            assert isinstance(message.payload, bytes)
            rows.append(row(str(message.topic), message.payload))
            if len(rows) == BATCH or done + len(rows) == messages:
                await store(sessions, rows)
                done += len(rows)
                rows = []
            if done == messages:
                break
    ended = time.perf_counter()
    print(json.dumps({"seconds": ended - began, "cpu_s": time.process_time() - cpu}), flush=True)
    await engine.dispose()


if __name__ == "__main__":
    port, username, password, url, messages = sys.argv[1:]
    asyncio.run(run(int(port), (username, password), url, int(messages)))
