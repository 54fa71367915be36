"""Whatever the bytes: a value or a refusal, and no other exception."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sunsweep.contract import codec
from sunsweep.contract.limits import MAX_NESTING, MAX_PAYLOAD_BYTES
from sunsweep.contract.nesting import nested_deeper_than
from sunsweep.contract.refusal import Reason, Refused
from tests.support.payloads import any_stamp, as_bytes, json_values, mutated, samples, states, unknown_fields

Decode = Callable[[bytes], Any]
WAYS: dict[str, tuple[Decode, Callable[[Any], bytes]]] = {
    "telemetry": (codec.decode_telemetry, codec.encode_telemetry),
    "status": (codec.decode_status, codec.encode_status),
    "command": (codec.decode_command, codec.encode_command),
    "result": (codec.decode_result, codec.encode_result),
    "receipt": (codec.decode_receipt, codec.encode_receipt),
    "object": (codec.decode_object, codec.encode_object),
}
DECODERS = [decode for decode, _ in WAYS.values()]

_ID = "01a20cb0-44ba-7b07-a1a5-10d4f5b6a7c8"
_WHOLE = [
    {"command": "pause", "params": {"a": [1]}, "id": _ID, "issued_at": "2026-11-24T08:33:28.250Z"},
    {"id": _ID, "state": "running", "detail": {}, "ts": "2026-11-24T08:33:28.250Z", "boot": 7, "seq": 1},
    {"now": "2026-11-24T08:33:28.250Z", "boot": 7, "seq": [[1, 2]], "rejected": [[3, 3, "too_late"]]},
    {"session": [7, 1], "outbox": {"pending": 1}, "account": {"lost": [[7, 1, 2]], "ended": [[7, 0]]}},
]
_sound = as_bytes(
    st.builds(
        lambda *parts: {name: part[name] for part in parts for name in part},
        samples | states,
        any_stamp,
        unknown_fields,
    )
    | st.sampled_from(_WHOLE)
)


def read_and_write(payload: bytes) -> None:
    for decode, encode in WAYS.values():
        try:
            value = decode(payload)
        except Refused:
            continue
        assert isinstance(encode(value), bytes)


@given(st.binary(max_size=200))
def test_random_bytes(payload: bytes) -> None:
    read_and_write(payload)


@given(as_bytes(json_values))
def test_any_json(payload: bytes) -> None:
    read_and_write(payload)


@given(mutated(_sound))
@example(b'{"ts":"0001-01-01T00:00:00+23:59"}')
@example(b'{"ts":"9999-12-31T23:59:59-23:59"}')
@example(b'{"now":"9999-12-31T23:59:59-23:59"}')
@example(b'{"battery":' + b"9" * 400 + b"}")
@example(b'{"boot":' + b"9" * 400 + b',"seq":1,"now":1,"command":1}')
@example(b'{"status":"\\ud800"}')
def test_broken_json(payload: bytes) -> None:
    read_and_write(payload)


@pytest.mark.prove
@pytest.mark.timeout(900)
@settings(max_examples=20_000, derandomize=False)
@given(mutated(_sound))
def test_broken_json_at_length(payload: bytes) -> None:
    read_and_write(payload)


@pytest.mark.parametrize("decode", [codec.decode_telemetry, codec.decode_status, codec.decode_object])
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"{",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1e999}',
        b'{"a":-1e999}',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a":"\\ud800"}',
        b'{"a":1}{}',
        b"{'a':1}",
        b'{"a":1,}',
        b"\x00",
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_is_refused_as_such(decode: Decode, payload: bytes) -> None:
    with pytest.raises(Refused) as refused:
        decode(payload)
    assert refused.value.reason is Reason.NOT_JSON


@pytest.mark.parametrize("payload", [b'{"battery":NaN}', b'{"extra":{"temp":NaN}}', b'{"extra":[1e999]}'])
def test_a_sample_that_holds_nan_is_refused(payload: bytes) -> None:
    with pytest.raises(Refused) as refused:
        codec.decode_telemetry(payload)
    assert refused.value.reason is Reason.NOT_JSON


@pytest.mark.parametrize("decode", DECODERS)
def test_64_kib_are_taken_and_one_byte_more_is_not(decode: Decode) -> None:
    body = json.dumps({"command": "pause", "now": "1970-01-01T00:00:00Z", "id": _ID, "state": "running"}).encode()
    most = body + b" " * (MAX_PAYLOAD_BYTES - len(body))
    assert decode(most) is not None
    with pytest.raises(Refused) as refused:
        decode(most + b" ")
    assert refused.value.reason is Reason.TOO_LARGE


def nested(depth: int) -> bytes:
    """An object whose one field makes it `depth` deep."""
    return b'{"x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize("depth", [MAX_NESTING + 1, 900, 5000, 32_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    for decode in DECODERS:
        with pytest.raises(Refused) as refused:
            decode(nested(depth))
        assert refused.value.reason is Reason.NOT_JSON


def test_nesting_up_to_the_limit_is_taken() -> None:
    assert codec.decode_telemetry(nested(MAX_NESTING)).extra
    many = {"x": [[[]] for _ in range(500)], "y": "[" * 500 + '"{' * 50 + "\\"}
    assert codec.decode_object(json.dumps(many).encode()) == many


def depth_of(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


@given(json_values, st.integers(0, 5))
def test_nesting_is_told_before_reading(value: object, limit: int) -> None:
    assert nested_deeper_than(limit, json.dumps(value).encode()) == (depth_of(value) > limit)


def test_what_is_no_text_is_refused_in_unknown_fields_too() -> None:
    payload = b'{"id":"%s","state":"accepted","unknown":"\xff"}' % _ID.encode()
    with pytest.raises(Refused):
        codec.decode_result(payload)
