"""The backend's side of the wire, for tests: hears everything, and gives receipts when told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import aiomqtt

from sunsweep.contract.codec import decode_result, decode_status, decode_telemetry, encode_command, encode_receipt
from sunsweep.contract.payloads import Command, Receipt, Result, ResultState, Status, Telemetry
from sunsweep.contract.refusal import Refused
from sunsweep.contract.topics import Channel, MachineTopic, parse_machine_topic
from sunsweep.machine import cancellation
from tests.machine.broker import BACKEND, Broker


class Heard(NamedTuple):
    topic: MachineTopic
    payload: bytes
    body: Telemetry | Status | Result
    qos: int


DECODE: dict[Channel, Callable[[bytes], Telemetry | Status | Result]] = {
    Channel.TELEMETRY: decode_telemetry,
    Channel.STATUS: decode_status,
    Channel.RESULT: decode_result,
}


def says(state: str) -> Callable[[Heard], bool]:
    return lambda heard: isinstance(heard.body, Status) and heard.body.status == state


def tells(identifier: str, state: ResultState) -> Callable[[Heard], bool]:
    return lambda heard: isinstance(heard.body, Result) and heard.body.id == identifier and heard.body.state is state


def is_sample(heard: Heard) -> bool:
    return isinstance(heard.body, Telemetry)


class Observer:
    """`until` waits for what a test is about; nothing else is waited for."""

    def __init__(self, client: aiomqtt.Client, *, receipts: bool) -> None:
        self.heard: list[Heard] = []
        self._client = client
        self._receipts = receipts
        self._news = asyncio.Event()

    async def listen(self) -> None:
        async for message in self._client.messages:
            if message.topic.value.rpartition("/")[2] not in DECODE:
                continue
            topic = parse_machine_topic(message.topic.value)
            body = DECODE[topic.channel](message.payload)
            self.heard.append(Heard(topic, message.payload, body, message.qos))
            if self._receipts and body.stamp.numbered:
                await self.receipt(topic, body.stamp.boot, body.stamp.seq, body.stamp.seq)
                cancellation.obey()
            self._news.set()

    async def receipt(self, topic: MachineTopic, boot: int, first: int, last: int) -> None:
        payload = encode_receipt(Receipt(1_700_000_000_000, boot, ((first, last),)))
        await self._client.publish(str(topic._replace(channel=Channel.RECEIPT)), payload)

    async def command(self, topic: MachineTopic, command: Command) -> None:
        await self._client.publish(str(topic._replace(channel=Channel.COMMAND)), encode_command(command), qos=1)

    async def until(self, wanted: Callable[[Heard], bool], *, after: int = 0, within_s: float = 15) -> Heard:
        async with asyncio.timeout(within_s):
            while True:
                for heard in self.heard[after:]:
                    if wanted(heard):
                        return heard
                self._news.clear()
                await self._news.wait()

    @property
    def statuses(self) -> list[Status]:
        return [heard.body for heard in self.heard if isinstance(heard.body, Status)]

    @property
    def results(self) -> list[Result]:
        return [heard.body for heard in self.heard if isinstance(heard.body, Result)]


@asynccontextmanager
async def observing(broker: Broker, *, receipts: bool = True) -> AsyncIterator[Observer]:
    client = aiomqtt.Client("127.0.0.1", broker.port, username=BACKEND[0], password=BACKEND[1])
    async with client:
        await client.subscribe("company/+/machine/+/+", qos=1)
        observer = Observer(client, receipts=receipts)
        task = asyncio.create_task(observer.listen())
        try:
            yield observer
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, aiomqtt.MqttError, Refused):
                await task
