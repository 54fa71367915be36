import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.contract.codec import decode_status, encode_status
from sunsweep.contract.limits import MAX_ACCOUNT_RANGES, MAX_SEQ
from sunsweep.contract.refusal import Reason, Refused
from sunsweep.contract.times import iso
from tests.support.payloads import (
    STATUS_FIELDS,
    any_stamp,
    as_bytes,
    boots,
    instants_ms,
    optional,
    seqs,
    states,
    unknown_fields,
)

ours = st.fixed_dictionaries(
    {},
    optional={
        "session": st.tuples(boots, seqs).map(list),
        "software": st.text("abc.0123", max_size=64),
        "outbox": st.builds(
            lambda pending, oldest: {"pending": pending, **oldest},
            st.integers(0, 10**6),
            optional(instants_ms.map(iso), "oldest"),
        ),
        "account": st.fixed_dictionaries(
            {},
            optional={
                "lost": st.lists(st.tuples(boots, seqs, seqs).map(list), max_size=3),
                "ended": st.lists(st.tuples(boots, st.integers(0, MAX_SEQ)).map(list), max_size=3),
            },
        ),
    },
)


def test_the_customers_status_is_read() -> None:
    state = decode_status(b'{"status":"Running","energy":150.5,"water":25.0,"area":450.0}')
    assert (state.status, state.energy, state.water, state.area) == ("Running", 150.5, 25, 450)
    assert not state.offline


@pytest.mark.parametrize("text", ["offline", "Offline", " OFFLINE "])
def test_the_will_is_presence(text: str) -> None:
    assert decode_status(json.dumps({"status": text, "session": [7, 3]}).encode()).offline


@given(states, any_stamp, ours, unknown_fields, st.data())
def test_whatever_the_document_allows_is_read_and_read_back(
    fields: dict[str, Any], stamp: dict[str, Any], own: dict[str, Any], unknown: dict[str, Any], data: st.DataObject
) -> None:
    state = decode_status(data.draw(as_bytes(st.just({**fields, **stamp, **own, **unknown}))))
    assert [getattr(state, name) for name in STATUS_FIELDS] == [fields.get(name) for name in STATUS_FIELDS]
    assert state.status == fields.get("status")
    assert state.extra == unknown
    assert state.mistyped == ()
    assert (state.session and list(state.session)) == own.get("session")
    assert decode_status(encode_status(state)) == state


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", 5),
        ("status", "x" * 65),
        ("energy", "150"),
        ("area", True),
        ("session", [7]),
        ("session", [7, 0]),
        ("session", "7/3"),
        ("outbox", {"pending": -1}),
        ("outbox", {"pending": 10**30}),
        ("outbox", {}),
        ("account", {"lost": [[7, 1]]}),
        ("account", {"ended": [[7, -1]]}),
        ("account", {"ended": [[7, 2**53]]}),
        ("account", {"lost": [[7, 1, 1]] * (MAX_ACCOUNT_RANGES + 1)}),
        ("software", ["1.0"]),
    ],
)
def test_a_field_of_a_wrong_type_becomes_null_and_is_kept(name: str, value: object) -> None:
    state = decode_status(json.dumps({name: value, "note": 1}).encode())
    assert getattr(state, name) is None
    assert state.extra == {name: value, "note": 1}
    assert state.mistyped == (name,)
    assert decode_status(encode_status(state)) == state


def test_a_status_may_have_64_characters_of_any_script() -> None:
    text = "清" * 64
    assert decode_status(json.dumps({"status": text}).encode()).status == text


def test_numbered_without_ts_is_refused_by_its_number() -> None:
    with pytest.raises(Refused) as refused:
        decode_status(b'{"status":"Idle","boot":7,"seq":3}')
    assert (refused.value.reason, refused.value.numbered) == (Reason.NUMBERED_WITHOUT_TS, (7, 3))


def test_a_heartbeat_may_carry_a_time_alone() -> None:
    state = decode_status(b'{"status":"Idle","ts":"1970-01-01T00:00:01.5Z"}')
    assert (state.stamp.ts_ms, state.stamp.numbered) == (1500, False)
