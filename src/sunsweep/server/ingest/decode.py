"""Bytes to something that can be stored, or a refusal."""

from collections.abc import Callable
from typing import Final

from sunsweep.contract.codec import decode_result, decode_status, decode_telemetry
from sunsweep.contract.limits import MAX_CLOCK_AHEAD_MS
from sunsweep.contract.payloads import Result, Stamp, Status, Telemetry
from sunsweep.contract.refusal import Reason, Refused
from sunsweep.contract.topics import Channel
from sunsweep.mqtt.port import Message
from sunsweep.server.ingest.messages import Accepted, Decoded, Rejected
from sunsweep.server.ingest.registry import Known

_DECODERS: Final[dict[Channel, Callable[[bytes], Telemetry | Status | Result]]] = {
    Channel.TELEMETRY: decode_telemetry,
    Channel.STATUS: decode_status,
    Channel.RESULT: decode_result,
}


class RowNumbers:
    """Time-ordered 63-bit numbers for messages that carry none: 41 bits of ms, 10 of the worker, 12 of a counter."""

    def __init__(self, worker: int) -> None:
        self._worker = (worker & 0x3FF) << 12
        self._last = 0

    def draw(self, now_ms: int) -> int:
        fresh = now_ms << 22 | self._worker
        self._last = max(fresh, self._last + 1)
        return self._last


def decode(message: Message, known: Known, numbers: RowNumbers) -> Decoded:
    """One message, whatever it is; never raises."""
    if isinstance(known, Refused):
        return Rejected(message, None, known.reason, known.detail, None)
    machine, channel = known
    received_ms = message.received_ms
    try:
        body = _DECODERS.get(channel, _of_nobody)(message.payload)
        stamp = body.stamp
        ts_ms = stamp.ts_ms
        if ts_ms is None:
            ts_ms = received_ms
        elif not -machine.retention_ms <= ts_ms - received_ms <= MAX_CLOCK_AHEAD_MS:
            raise _out_of_time(ts_ms - received_ms, stamp)
    except Refused as refusal:
        return Rejected(message, machine, refusal.reason, refusal.detail, refusal.numbered)
    seq = stamp.seq or numbers.draw(received_ms)
    return Accepted(message, machine, body, ts_ms, min(received_ms, ts_ms), seq)


def _of_nobody(_payload: bytes) -> Telemetry:
    raise Refused(Reason.BAD_TOPIC, "nobody publishes to the backend on such a topic")


def _out_of_time(ahead_ms: int, stamp: Stamp) -> Refused:
    numbered = (stamp.boot, stamp.seq) if stamp.numbered else None
    if ahead_ms > MAX_CLOCK_AHEAD_MS:
        return Refused(Reason.CLOCK_AHEAD, f"{ahead_ms // 1000} s ahead of the backend", numbered=numbered)
    return Refused(Reason.TOO_LATE, f"{-ahead_ms // 86_400_000} days old", numbered=numbered)
