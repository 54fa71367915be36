"""The part of a check that speaks to the broker: whether it knows this machine, and what it lets it do."""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from secrets import token_hex
from typing import Final

from aiomqtt import Client, MqttError, Will

from sunsweep.contract.topics import Channel, MachineTopic, machine_root, probe_topic
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.connection import connected, refused_credentials
from sunsweep.machine.endpoint import Endpoint
from sunsweep.machine.findings import Finding, Level, fail, ok

ANSWER_S: Final = 8.0
_REFUSED: Final = 0x80


async def look_at_broker(config: MachineConfig, endpoint: Endpoint) -> list[Finding]:
    """Log in under another client identifier, so that the running program keeps its connection."""
    try:
        async with _beside(config, endpoint) as client:
            login = ok("credentials", f"the broker knows {config.mqtt_username}")
            rights = await _rights(config, client)
        if any(finding.level is Level.FAIL for finding in rights):
            return [login, *rights]
        return [login, *rights, await _borders(config, endpoint)]
    except MqttError as error:
        if refused_credentials(error):
            words = f"the broker refuses {config.mqtt_username}: wrong password, or the machine is disabled"
            return [fail("credentials", f"{words}. `sunsweep-machine enroll` fetches a new login")]
        return [fail("broker", f"{endpoint}: {error}")]


def _beside(config: MachineConfig, endpoint: Endpoint) -> AbstractAsyncContextManager[Client]:
    identifier = f"{config.mqtt_username}-check-{token_hex(4)}"
    return connected(config, endpoint, Will(_own(config), b"", qos=0), identifier=identifier)


async def _rights(config: MachineConfig, client: Client) -> list[Finding]:
    command = str(MachineTopic(config.company_id, config.machine_id, Channel.COMMAND))
    granted = await client.subscribe([(command, 1)])
    if any(_code(one) >= _REFUSED for one in granted):
        return [fail("broker", f"it may not listen to its own commands ({command}): wrong company or serial number?")]
    await client.unsubscribe(command)
    own = _own(config)
    return [
        ok("broker", f"it may listen to {command}"),
        ok("broker", "what it says on its own topics arrives")
        if own in await _heard(client, own)
        else fail("broker", f"what it says under {machine_root(config.company_id, config.machine_id)}/ is refused"),
    ]


async def _borders(config: MachineConfig, endpoint: Endpoint) -> Finding:
    """On a connection of its own: some brokers, and EMQX as we set it up, end that of one who tries."""
    shut = False
    try:
        async with _beside(config, endpoint) as client:
            try:
                shut = _foreign(config) not in await _heard(client, _foreign(config), _own(config))
            except MqttError:
                shut = True
                raise
    except MqttError:
        if not shut:
            raise
    if shut:
        return ok("broker", "other machines' topics are closed to it")
    return fail("broker", "it may speak on other machines' topics as well: tell whoever runs the broker")


async def _heard(client: Client, *topics: str) -> set[str]:
    """Which of some words to ourselves come back. The own one goes last: brokers keep the order.

    No backend listens to a topic that ends so; and some brokers grant every subscription, and only hand nothing out.
    """
    heard: set[str] = set()

    async def listen() -> None:
        async for message in client.messages:
            heard.add(message.topic.value)
            if topics[-1] in heard:
                return

    async def say() -> None:
        await client.subscribe([(topic, 1) for topic in topics])
        for topic in topics:
            await client.publish(topic, b"{}", qos=1)

    try:
        async with asyncio.timeout(ANSWER_S):
            # At once, because only who listens is told that the connection has ended.
            await _both(listen(), say())
    except TimeoutError:
        pass
    return heard


async def _both(*works: Coroutine[None, None, None]) -> None:
    """Both, or the first failure's own exception."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for number, work in enumerate(works):
                tasks.create_task(work, name=f"check-{number}")
    except* MqttError as errors:
        raise errors.exceptions[0] from None


def _own(config: MachineConfig) -> str:
    return probe_topic(config.company_id, config.machine_id)


def _foreign(config: MachineConfig) -> str:
    """Of a machine that does not exist: no serial number has a tilde."""
    return probe_topic(config.company_id, "~nobody")


def _code(granted: object) -> int:
    """Of MQTT 5 and of 3.1.1."""
    value = getattr(granted, "value", granted)
    assert isinstance(value, int)
    return value
