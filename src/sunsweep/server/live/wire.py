"""What machines say, read as the ingest reads it: viewers see only what can be stored."""

from collections.abc import Callable
from typing import Final, NamedTuple

from sunsweep.contract.codec import decode_result, decode_status, decode_telemetry
from sunsweep.contract.limits import MAX_CLOCK_AHEAD_MS
from sunsweep.contract.payloads import Result, Status, Telemetry
from sunsweep.contract.refusal import Reason, Refused
from sunsweep.contract.topics import (
    Channel,
    EventTopic,
    MachineTopic,
    is_machine_topic,
    parse_event_topic,
    parse_machine_topic,
)
from sunsweep.mqtt.port import Message

Body = Telemetry | Status | Result

_DECODERS: Final[dict[Channel, Callable[[bytes], Body]]] = {
    Channel.TELEMETRY: decode_telemetry,
    Channel.STATUS: decode_status,
    Channel.RESULT: decode_result,
}


class Heard(NamedTuple):
    """A message of a machine; `ts_ms` says when it was measured, or else received."""

    body: Body
    ts_ms: int
    received_ms: int

    @property
    def order_ms(self) -> int:
        """By which states are put in order."""
        return min(self.ts_ms, self.received_ms)


def about(topic: str) -> MachineTopic | EventTopic:
    """Which machine spoke, or what happened to it; raises `Refused`."""
    return parse_machine_topic(topic) if is_machine_topic(topic) else parse_event_topic(topic)


def read(message: Message, channel: Channel) -> Heard | None:
    """None of a channel that is not the machine's to speak on; raises `Refused`."""
    decoder = _DECODERS.get(channel)
    if decoder is None:
        return None
    body = decoder(message.payload)
    ts_ms = message.received_ms if body.stamp.ts_ms is None else body.stamp.ts_ms
    if ts_ms - message.received_ms > MAX_CLOCK_AHEAD_MS:
        raise Refused(Reason.CLOCK_AHEAD, message.topic)
    return Heard(body, ts_ms, message.received_ms)
