"""Bytes to payloads and back. Decoding raises `Refused` and nothing else, whatever the bytes."""

from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

import msgspec
from msgspec.structs import asdict

from sunsweep.contract.limits import MAX_NESTING, MAX_PAYLOAD_BYTES
from sunsweep.contract.nesting import nested_deeper_than
from sunsweep.contract.payloads import (
    UNSTAMPED,
    Boot,
    Command,
    CommandWire,
    Receipt,
    ReceiptWire,
    Result,
    ResultWire,
    Seq,
    Stamp,
    Status,
    StatusWire,
    Telemetry,
    TelemetryWire,
)
from sunsweep.contract.refusal import Reason, Refused
from sunsweep.contract.times import iso, to_ms

Wire = TypeVar("Wire", bound=msgspec.Struct)

_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
_object = msgspec.json.Decoder(dict[str, Any])
_telemetry = msgspec.json.Decoder(TelemetryWire)
_status = msgspec.json.Decoder(StatusWire)
_command = msgspec.json.Decoder(CommandWire)
_result = msgspec.json.Decoder(ResultWire)
_receipt = msgspec.json.Decoder(ReceiptWire)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_telemetry(payload: bytes) -> Telemetry:
    """Read a sample; raises `Refused`."""
    # The hot path: nearly all are seen to be bounded without a call.
    if len(payload) > MAX_PAYLOAD_BYTES or b"[" in payload or payload.count(b"{") > MAX_NESTING:
        _bounded(payload)
    mistyped: tuple[str, ...] = ()
    try:
        wire = _telemetry.decode(payload)
        extra = wire.extra or {}
    except _UNREADABLE as error:
        wire, unknown, mistyped = _salvage(TelemetryWire, payload, error)
        extra = _merge(wire.extra, unknown)
    return Telemetry(wire.battery, wire.solar_v, wire.solar_a, wire.water, extra, _stamp(wire, extra), mistyped)


def decode_status(payload: bytes) -> Status:
    """Read a state; raises `Refused`."""
    _bounded(payload)
    unknown: dict[str, Any] = {}
    mistyped: tuple[str, ...] = ()
    try:
        wire = _status.decode(payload)
    except _UNREADABLE as error:
        wire, unknown, mistyped = _salvage(StatusWire, payload, error)
    return Status(
        wire.status,
        wire.energy,
        wire.water,
        wire.area,
        unknown,
        _stamp(wire, unknown),
        mistyped,
        wire.session,
        wire.software,
        wire.outbox,
        wire.account,
    )


def decode_command(payload: bytes) -> Command:
    """Read an order, with or without our optional fields; raises `Refused`."""
    wire = _exact(_command, payload)
    return Command(
        wire.command,
        wire.params or {},
        wire.id,
        None if wire.issued_at is None else to_ms(wire.issued_at),
        None if wire.expires_at is None else to_ms(wire.expires_at),
    )


def decode_result(payload: bytes) -> Result:
    """Read a machine's word on a command; raises `Refused`."""
    wire = _exact(_result, payload)
    return Result(wire.id, wire.state, wire.detail or {}, _stamp(wire, {}))


def decode_receipt(payload: bytes) -> Receipt:
    """Read a receipt; raises `Refused`."""
    wire = _exact(_receipt, payload)
    return Receipt(to_ms(wire.now), wire.boot or 0, tuple(wire.seq), tuple(wire.rejected))


def decode_object(payload: bytes) -> dict[str, Any]:
    """Read any JSON object (internal events); raises `Refused`."""
    _bounded(payload)
    try:
        return _object.decode(payload)
    except msgspec.ValidationError as error:
        # A number out of range inside an object is reported in the same way as a payload that is no object.
        reason = Reason.NOT_JSON if payload.lstrip().startswith(b"{") else Reason.NOT_OBJECT
        raise Refused(reason, str(error)) from error
    except _UNREADABLE as error:
        raise Refused(Reason.NOT_JSON, str(error)) from error


def encode_telemetry(telemetry: Telemetry) -> bytes:
    """Write a sample; fields that are None are left out."""
    return _encode(telemetry_object(telemetry))


def encode_status(status: Status) -> bytes:
    """Write a state; fields that are None are left out."""
    return _encode(status_object(status))


def encode_command(command: Command) -> bytes:
    """Write an order; `params` is always there."""
    return _encode(
        CommandWire(
            command.command, command.params, command.id, _instant(command.issued_at_ms), _instant(command.expires_at_ms)
        )
    )


def encode_result(result: Result) -> bytes:
    """Write a word on a command."""
    return _encode(ResultWire(result.id, result.state, result.detail or None, *_number(result.stamp)))


def encode_receipt(receipt: Receipt) -> bytes:
    """Write a receipt."""
    return _encode(
        ReceiptWire(_instant(receipt.now_ms), receipt.boot or None, list(receipt.stored), list(receipt.rejected))
    )


def encode_object(value: object) -> bytes:
    """Write any JSON value (internal events, frames)."""
    return _encode(value)


def telemetry_object(telemetry: Telemetry) -> dict[str, Any]:
    """A sample as the JSON object on the wire."""
    wire = TelemetryWire(
        telemetry.battery,
        telemetry.solar_v,
        telemetry.solar_a,
        telemetry.water,
        telemetry.extra or None,
        *_number(telemetry.stamp),
    )
    return _said(wire)


def status_object(status: Status) -> dict[str, Any]:
    """A state as the JSON object on the wire, unknown fields beside the known ones."""
    wire = StatusWire(
        status.status,
        status.energy,
        status.water,
        status.area,
        *_number(status.stamp),
        status.session,
        status.software,
        status.outbox,
        status.account,
    )
    return {**status.extra, **_said(wire)}


def _said(wire: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name, value in asdict(wire).items() if value is not None}


def _bounded(payload: bytes) -> None:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise Refused(Reason.TOO_LARGE, f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are taken")
    if nested_deeper_than(MAX_NESTING, payload):
        raise Refused(Reason.NOT_JSON, f"nested more than {MAX_NESTING} deep")


def _salvage(shape: type[Wire], payload: bytes, error: Exception) -> tuple[Wire, dict[str, Any], tuple[str, ...]]:
    """The known fields, the unknown ones, and the names of those of a wrong type (kept among the unknown)."""
    # Itself, and not one of its kinds: no JSON, whatever is asked of it. Rubbish comes in floods; read it once.
    if type(error) is msgspec.DecodeError:
        raise Refused(Reason.NOT_JSON, str(error)) from None
    given = decode_object(payload)
    hints = _HINTS[shape]
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    mistyped = []
    for name, value in given.items():
        if name not in hints:
            unknown[name] = value
            continue
        try:
            known[name] = msgspec.convert(value, hints[name])
        except (msgspec.ValidationError, OverflowError):
            unknown[name] = value
            mistyped.append(name)
    return shape(**known), unknown, tuple(mistyped)


_HINTS: dict[type[msgspec.Struct], dict[str, Any]] = {
    shape: get_type_hints(shape, include_extras=True) for shape in (TelemetryWire, StatusWire)
}


def _merge(extra: dict[str, Any] | None, unknown: dict[str, Any]) -> dict[str, Any]:
    """Unknown fields beside those of `extra`; a name that is taken already is written as its JSON pointer."""
    merged = {} if extra is None else extra
    for name, value in unknown.items():
        free = name
        while free in merged:
            free = f"/{free}"
        merged[free] = value
    return merged


def _exact(decoder: msgspec.json.Decoder[Wire], payload: bytes) -> Wire:
    _bounded(payload)
    try:
        payload.decode()  # the decoder skips unknown fields without a look at their bytes
        return decoder.decode(payload)
    except msgspec.ValidationError as error:
        given = decode_object(payload)
        number = (given.get("boot"), given.get("seq"))
        raise Refused(Reason.BAD_FIELD, str(error), numbered=_as_number(*number)) from error
    except _UNREADABLE as error:
        raise Refused(Reason.NOT_JSON, str(error)) from error


def _as_number(boot: object, seq: object) -> tuple[int, int] | None:
    try:
        return msgspec.convert((boot, seq), tuple[Boot, Seq])
    except msgspec.ValidationError:
        return None


def _stamp(wire: TelemetryWire | StatusWire | ResultWire, extra: dict[str, Any]) -> Stamp:
    ts, boot, seq = wire.ts, wire.boot, wire.seq
    if boot is None or seq is None:
        for name in ("boot", "seq"):
            if (half := getattr(wire, name)) is not None:
                _merge(extra, {name: half})
        return UNSTAMPED if ts is None else Stamp(to_ms(ts))
    if ts is None:
        raise Refused(Reason.NUMBERED_WITHOUT_TS, f"boot {boot}, seq {seq}", numbered=(boot, seq))
    return Stamp(to_ms(ts), boot, seq)


def _number(stamp: Stamp) -> tuple[Any, int | None, int | None]:
    return _instant(stamp.ts_ms), stamp.boot or None, stamp.seq or None


def _instant(ms: int | None) -> Any:
    """What the wire shows, milliseconds always; the structs' own type is what they are read into."""
    return None if ms is None else iso(ms)
