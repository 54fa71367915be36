"""One numbered message as it waits: bytes that the contract takes."""

from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from sunsweep.contract.codec import (
    decode_result,
    decode_status,
    decode_telemetry,
    encode_result,
    encode_status,
    encode_telemetry,
)
from sunsweep.contract.payloads import Result, Stamp, Status, Telemetry
from sunsweep.contract.refusal import Refused
from sunsweep.contract.topics import Channel

Message = Telemetry | Status | Result


class Entry(Struct, frozen=True, gc=False):
    """`order` is the order of writing, over all boots. Dated, its bytes never change again.

    While it is undated, `ts_ms` (in the bytes too) is a reading of the monotonic clock, and it does not go out.
    """

    order: int
    boot: int
    seq: int
    channel: Channel
    payload: bytes
    ts_ms: int
    dated: bool = True


def numbered(message: Message, stamp: Stamp, *, order: int, dated: bool = True) -> Entry:
    """The message as bytes that the contract takes; NaN has become null on the way. Raises `Refused`."""
    assert stamp.ts_ms is not None
    match message:
        case Telemetry():
            channel, payload = Channel.TELEMETRY, encode_telemetry(replace(message, stamp=stamp))
        case Status():
            channel, payload = Channel.STATUS, encode_status(replace(message, stamp=stamp))
        case Result():
            channel, payload = Channel.RESULT, encode_result(replace(message, stamp=stamp))
    message_of(channel, payload)
    return Entry(order, stamp.boot, stamp.seq, channel, payload, stamp.ts_ms, dated)


def message_of(channel: Channel, payload: bytes) -> Message:
    """The bytes read again; raises `Refused`."""
    if channel is Channel.TELEMETRY:
        return decode_telemetry(payload)
    return decode_status(payload) if channel is Channel.STATUS else decode_result(payload)


def dated(entry: Entry, ts_ms: int, *, estimated: bool = False) -> Entry:
    """The same message with its date; an estimate says so, where there is room for it."""
    message = message_of(entry.channel, entry.payload)
    stamp = Stamp(ts_ms, entry.boot, entry.seq)
    if estimated:
        with suppress(Refused):
            return numbered(_flagged(message), stamp, order=entry.order)
    return numbered(message, stamp, order=entry.order)


def _flagged(message: Message) -> Message:
    if isinstance(message, Result):
        return replace(message, detail={**message.detail, "ts_estimated": True})
    return replace(message, extra={**message.extra, "ts_estimated": True})
