"""The part of a check that speaks to the broker: whether it knows this machine, and what it lets it do."""

import asyncio
from secrets import token_hex
from typing import Final

from aiomqtt import Client, MqttError, Will

from sunsweep.contract.topics import Channel, MachineTopic, machine_root, probe_topic
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.connection import connected, refused_credentials
from sunsweep.machine.endpoint import Endpoint
from sunsweep.machine.findings import Finding, fail, ok

ANSWER_S: Final = 8.0
_REFUSED: Final = 0x80


async def look_at_broker(config: MachineConfig, endpoint: Endpoint) -> list[Finding]:
    """Log in under another client identifier, so that the running program keeps its connection."""
    own = probe_topic(config.company_id, config.machine_id)
    identifier = f"{config.mqtt_username}-check-{token_hex(4)}"
    try:
        async with connected(config, endpoint, Will(own, b"", qos=0), identifier=identifier) as client:
            login = ok("credentials", f"the broker knows {config.mqtt_username}")
            return [login, *await _rights(config, client, own)]
    except MqttError as error:
        if refused_credentials(error):
            words = f"the broker refuses {config.mqtt_username}: wrong password, or the machine is disabled"
            return [fail("credentials", f"{words}. `sunsweep-machine enroll` fetches a new login")]
        return [fail("broker", f"{endpoint}: {error}")]


async def _rights(config: MachineConfig, client: Client, own: str) -> list[Finding]:
    command = str(MachineTopic(config.company_id, config.machine_id, Channel.COMMAND))
    granted = await client.subscribe([(command, 1)])
    if any(_code(one) >= _REFUSED for one in granted):
        return [fail("broker", f"it may not listen to its own commands ({command}): wrong company or serial number?")]
    await client.unsubscribe(command)
    heard = await _heard(client, own, _foreign(config))
    return [
        ok("broker", f"it may listen to {command}"),
        ok("broker", "what it says on its own topics arrives")
        if own in heard
        else fail("broker", f"what it says under {machine_root(config.company_id, config.machine_id)}/ is refused"),
        fail("broker", "it may speak on other machines' topics as well: tell whoever runs the broker")
        if heard - {own}
        else ok("broker", "other machines' topics are closed to it"),
    ]


async def _heard(client: Client, own: str, foreign: str) -> set[str]:
    """Which of two words to ourselves come back. The own one goes last: brokers keep the order.

    No backend listens to a topic that ends so; and some brokers grant every subscription, and only hand nothing out.
    """
    await client.subscribe([(own, 1), (foreign, 1)])
    heard: set[str] = set()
    for topic in (foreign, own):
        await client.publish(topic, b"{}", qos=1)
    try:
        async with asyncio.timeout(ANSWER_S):
            async for message in client.messages:
                heard.add(message.topic.value)
                if own in heard:
                    break
    except TimeoutError:
        pass
    return heard


def _foreign(config: MachineConfig) -> str:
    """Of a machine that does not exist: no serial number has a tilde."""
    return probe_topic(config.company_id, "~nobody")


def _code(granted: object) -> int:
    """Of MQTT 5 and of 3.1.1."""
    value = getattr(granted, "value", granted)
    assert isinstance(value, int)
    return value
