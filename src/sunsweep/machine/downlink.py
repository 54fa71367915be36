"""Broker to machine: commands and receipts."""

import logging
from collections.abc import Awaitable, Callable

from aiomqtt import Client, Message

from sunsweep.contract.codec import decode_receipt
from sunsweep.contract.payloads import Receipt
from sunsweep.contract.refusal import Refused
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine.guard import Delivery

_log = logging.getLogger(__name__)


class Downlink:
    """Hands on what arrives on the machine's own two topics."""

    def __init__(
        self,
        topic: MachineTopic,
        *,
        on_command: Callable[[Delivery], Awaitable[None]],
        on_receipt: Callable[[Receipt], None],
    ) -> None:
        self._command_topic = str(topic._replace(channel=Channel.COMMAND))
        self._receipt_topic = str(topic._replace(channel=Channel.RECEIPT))
        self._on_command = on_command
        self._on_receipt = on_receipt

    async def subscribe(self, client: Client) -> None:
        """Commands at QoS 1, receipts at QoS 0: a lost receipt only costs a repetition."""
        await client.subscribe([(self._command_topic, 1), (self._receipt_topic, 0)])

    async def run(self, client: Client) -> None:
        """Hand on until the connection breaks (`MqttError`)."""
        async for message in client.messages:
            if message.topic.value == self._command_topic:
                await self._on_command(_delivery(message))
            elif message.topic.value == self._receipt_topic and not message.retain:
                # A retained one tells a time that has passed.
                self._take_receipt(message.payload)

    def _take_receipt(self, payload: bytes) -> None:
        try:
            receipt = decode_receipt(payload)
        except Refused as refused:
            _log.warning("unreadable receipt: %s", refused)
            return
        self._on_receipt(receipt)


def _delivery(message: Message) -> Delivery:
    expiry = getattr(message.properties, "MessageExpiryInterval", None)
    return Delivery(message.payload, retained=bool(message.retain), expires_in_s=expiry)
