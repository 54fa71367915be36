"""Hypothesis strategies of what may come over the wire."""

import json
from typing import Any

from hypothesis import strategies as st

from sunsweep.contract.limits import MAX_BOOT, MAX_SEQ
from sunsweep.contract.times import iso

TELEMETRY_FIELDS = ("battery", "solar_v", "solar_a", "water")
STATUS_FIELDS = ("energy", "water", "area")
KNOWN = frozenset(
    [
        *TELEMETRY_FIELDS,
        *STATUS_FIELDS,
        "extra",
        "status",
        "ts",
        "boot",
        "seq",
        "session",
        "software",
        "outbox",
        "account",
    ]
)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | numbers | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
json_objects = st.dictionaries(words, json_values, max_size=5)
unknown_fields = st.dictionaries(words.filter(lambda name: name not in KNOWN), json_values, max_size=4)
instants_ms = st.integers(0, 4_102_444_800_000)  # to 2100
boots = st.integers(1, MAX_BOOT)
seqs = st.integers(1, MAX_SEQ)
stamps = st.fixed_dictionaries({"ts": instants_ms.map(iso), "boot": boots, "seq": seqs})
no_stamp: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries({"ts": instants_ms.map(iso)})
any_stamp = stamps | no_stamp


def optional(values: st.SearchStrategy[Any], *names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Each field missing, null or a value."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, st.none() | values))


samples = st.builds(
    lambda fields, extra: {**fields, **extra}, optional(numbers, *TELEMETRY_FIELDS), optional(json_objects, "extra")
)
states = st.builds(
    lambda fields, status: {**fields, **status},
    optional(numbers, *STATUS_FIELDS),
    optional(st.text(st.characters(exclude_categories=["Cs"]), max_size=64), "status"),
)


@st.composite
def as_bytes(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> bytes:
    """JSON as somebody else's program may write it."""
    compact = draw(st.booleans())
    text = json.dumps(
        draw(values), ensure_ascii=draw(st.booleans()), separators=(",", ":") if compact else None, allow_nan=False
    )
    return text.encode()


_POISON = st.sampled_from(
    [
        *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 400, b"9" * 5000, b"1e-999", b"0x1", b"01"),
        *(b'"\\ud800"', b'"\\udc00\\ud800"', b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf", b"\\"),
        *(b"[" * 40, b"[" * 5000, b'{"a":' * 5000, b"]", b"}", b"{", b",", b":", b'"', b"null", b"{}", b"[[1,2]]"),
        *(b'"ts":"0001-01-01T00:00:00+23:59",', b'"ts":"9999-12-31T23:59:60Z",', b'"boot":0,', b'"seq":1.5,'),
    ]
)


@st.composite
def mutated(draw: st.DrawFn, payloads: st.SearchStrategy[bytes]) -> bytes:
    """A payload with a few bytes lost, replaced or put in."""
    payload = draw(payloads)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(payload)))
        end = min(len(payload), start + draw(st.integers(0, 6)))
        payload = payload[:start] + draw(_POISON | st.binary(max_size=4)) + payload[end:]
    return payload
