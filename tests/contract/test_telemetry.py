import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sunsweep.contract.codec import decode_telemetry, encode_telemetry
from sunsweep.contract.payloads import Stamp
from sunsweep.contract.refusal import Reason, Refused
from sunsweep.contract.times import iso
from tests.support.payloads import (
    TELEMETRY_FIELDS,
    any_stamp,
    as_bytes,
    boots,
    instants_ms,
    json_values,
    numbers,
    samples,
    seqs,
    unknown_fields,
    words,
)

NUMBERED = {"ts": "2026-11-24T08:33:28.250Z", "boot": 7, "seq": 140}


def test_the_customers_sample_is_read() -> None:
    sample = decode_telemetry(
        b'{"battery":13.5,"solar_v":21.2,"solar_a":4.5,"water":80,"extra":{"temp":32.5,"vibration":0.01}}'
    )
    assert (sample.battery, sample.solar_v, sample.solar_a, sample.water) == (13.5, 21.2, 4.5, 80)
    assert sample.extra == {"temp": 32.5, "vibration": 0.01}
    assert not sample.stamp.numbered
    assert sample.mistyped == ()


@given(samples, any_stamp, unknown_fields, st.data())
def test_whatever_the_document_allows_is_read_and_kept(
    fields: dict[str, Any], stamp: dict[str, Any], unknown: dict[str, Any], data: st.DataObject
) -> None:
    sample = decode_telemetry(data.draw(as_bytes(st.just({**fields, **stamp, **unknown}))))
    assert [getattr(sample, name) for name in TELEMETRY_FIELDS] == [fields.get(name) for name in TELEMETRY_FIELDS]
    extra = fields.get("extra") or {}
    assert {name: sample.extra[name] for name in extra} == extra
    assert len(sample.extra) == len(extra) + len(unknown)
    for name, value in unknown.items():
        assert value in [sample.extra[name], *(kept for given, kept in sample.extra.items() if given.endswith(name))]
    assert (sample.stamp.boot, sample.stamp.seq) == (stamp.get("boot", 0), stamp.get("seq", 0))
    assert sample.mistyped == ()


@given(samples, any_stamp, unknown_fields)
def test_what_is_written_is_read_back(fields: dict[str, Any], stamp: dict[str, Any], unknown: dict[str, Any]) -> None:
    sample = decode_telemetry(json.dumps({**fields, **stamp, **unknown}).encode())
    assert decode_telemetry(encode_telemetry(sample)) == sample


@given(st.sampled_from(TELEMETRY_FIELDS), words | st.booleans() | st.lists(numbers) | st.just({}), samples)
def test_a_field_of_a_wrong_type_becomes_null_and_is_kept(name: str, value: object, fields: dict[str, Any]) -> None:
    fields = {**fields, "extra": {"temp": 1}, name: value}
    sample = decode_telemetry(json.dumps(fields).encode())
    assert getattr(sample, name) is None
    assert sample.extra == {"temp": 1, name: value}
    assert sample.mistyped == (name,)
    assert decode_telemetry(encode_telemetry(sample)) == replace(sample, mistyped=())


@pytest.mark.parametrize("extra", [5, "x", [1], True])
def test_an_extra_that_is_no_object_is_kept_inside_it(extra: object) -> None:
    sample = decode_telemetry(json.dumps({"extra": extra, "wind": 3}).encode())
    assert sample.extra == {"extra": extra, "wind": 3}
    assert sample.mistyped == ("extra",)


def test_an_unknown_field_does_not_overwrite_one_of_extra() -> None:
    sample = decode_telemetry(b'{"wind":1,"/wind":2,"extra":{"wind":3}}')
    assert sorted(sample.extra.values()) == [1, 2, 3]
    assert sample.extra["wind"] == 3


@given(boots, seqs)
def test_numbered_without_ts_is_refused_by_its_number(boot: int, seq: int) -> None:
    with pytest.raises(Refused) as refused:
        decode_telemetry(json.dumps({"battery": 12, "boot": boot, "seq": seq}).encode())
    assert refused.value.reason is Reason.NUMBERED_WITHOUT_TS
    assert refused.value.numbered == (boot, seq)


@pytest.mark.parametrize("ts", [None, "yesterday", "2026-11-24", "2026-11-24T08:33:28", 1795509208, ""])
def test_numbered_with_an_unusable_ts_is_refused_too(ts: object) -> None:
    with pytest.raises(Refused) as refused:
        decode_telemetry(json.dumps({**NUMBERED, "ts": ts}).encode())
    assert (refused.value.reason, refused.value.numbered) == (Reason.NUMBERED_WITHOUT_TS, (7, 140))


@pytest.mark.parametrize("half", ["boot", "seq"])
def test_half_a_number_is_no_number_and_kept(half: str) -> None:
    sample = decode_telemetry(json.dumps({half: 7, "extra": {half: "mine"}}).encode())
    assert not sample.stamp.numbered
    assert sample.extra == {half: "mine", f"/{half}": 7}


@pytest.mark.parametrize(("boot", "seq"), [(0, 1), (1, 0), (2**53, 1), (1, 2**53), ("7", 1), (7.5, 1), (-1, 1)])
def test_a_number_out_of_range_is_none(boot: object, seq: object) -> None:
    sample = decode_telemetry(json.dumps({**NUMBERED, "boot": boot, "seq": seq}).encode())
    assert not sample.stamp.numbered


@given(instants_ms, boots, seqs)
def test_stamps_are_read_to_the_millisecond(ms: int, boot: int, seq: int) -> None:
    sample = decode_telemetry(json.dumps({"ts": iso(ms), "boot": boot, "seq": seq}).encode())
    assert sample.stamp == Stamp(ms, boot, seq)


@given(json_values.filter(lambda value: not isinstance(value, dict)))
def test_what_is_no_object_is_refused_as_such(value: object) -> None:
    with pytest.raises(Refused) as refused:
        decode_telemetry(json.dumps(value).encode())
    assert refused.value.reason is Reason.NOT_OBJECT
