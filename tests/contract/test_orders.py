"""Commands, results and receipts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.contract.codec import (
    decode_command,
    decode_receipt,
    decode_result,
    encode_command,
    encode_receipt,
    encode_result,
)
from sunsweep.contract.commands import STOP_RANK, Order, is_stop_like
from sunsweep.contract.ids import uuid7
from sunsweep.contract.payloads import Command, Receipt, Result, ResultState, Stamp
from sunsweep.contract.refusal import Reason, Refused
from tests.support.payloads import boots, instants_ms, json_objects, seqs

ids = st.builds(uuid7, instants_ms, st.integers(0, 2**74 - 1))
names = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True)
commands = st.builds(Command, names, json_objects, st.none() | ids, st.none() | instants_ms, st.none() | instants_ms)
results = st.builds(
    Result,
    ids,
    st.sampled_from(ResultState),
    json_objects,
    st.just(Stamp()) | st.builds(Stamp, instants_ms, boots, seqs),
)
ranges = st.lists(st.tuples(seqs, seqs), max_size=5).map(tuple)
refusals = st.lists(st.tuples(seqs, seqs, st.sampled_from(Reason).map(str)), max_size=5).map(tuple)
receipts = st.builds(Receipt, instants_ms, boots, ranges, refusals) | st.builds(Receipt, instants_ms)

ID = uuid7(1_795_509_208_250, 1)


def test_the_customers_command_is_read_and_written() -> None:
    payload = b'{"command":"start_cleaning","params":{"speed":5,"mode":"auto"}}'
    command = decode_command(payload)
    assert command == Command("start_cleaning", {"speed": 5, "mode": "auto"})
    assert encode_command(command) == payload


@given(commands)
def test_commands_are_read_back(command: Command) -> None:
    assert decode_command(encode_command(command)) == command


@given(results)
def test_results_are_read_back(result: Result) -> None:
    assert decode_result(encode_result(result)) == result


@given(receipts)
def test_receipts_are_read_back(receipt: Receipt) -> None:
    assert decode_receipt(encode_receipt(receipt)) == receipt


@pytest.mark.parametrize("name", ["", "a b", "start\n", "a" * 65, "é", "a/b", "#", None, 5])
def test_a_command_without_a_usable_name_is_refused(name: object) -> None:
    with pytest.raises(Refused) as refused:
        decode_command(json.dumps({"command": name}).encode())
    assert refused.value.reason is Reason.BAD_FIELD


@pytest.mark.parametrize(
    "identifier", ["", "1", ID.upper(), f"{ID}\n", f" {ID}", "019b3c5a-8f3a-4c1e-9a51-0d4f5b6a7c8d"]
)
def test_an_id_that_is_no_uuid7_is_refused(identifier: str) -> None:
    with pytest.raises(Refused):
        decode_command(json.dumps({"command": "pause", "id": identifier}).encode())
    with pytest.raises(Refused) as refused:
        decode_result(json.dumps({"id": identifier, "state": "running", "boot": 7, "seq": 9}).encode())
    assert (refused.value.reason, refused.value.numbered) == (Reason.BAD_FIELD, (7, 9))


def test_a_command_without_params_has_none() -> None:
    assert decode_command(b'{"command":"pause"}').params == {}
    assert decode_command(b'{"command":"pause","params":null}').params == {}


def test_fields_of_a_later_version_are_no_hindrance() -> None:
    assert decode_command(b'{"command":"pause","priority":1}').command == "pause"
    assert decode_receipt(b'{"now":"1970-01-01T00:00:00Z","note":1}').now_ms == 0


@given(boots, seqs, st.dictionaries(st.sampled_from(["id", "state"]), st.none() | st.integers()))
def test_a_result_that_lacks_a_field_is_refused_by_its_number(boot: int, seq: int, rest: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        decode_result(json.dumps({**rest, "boot": boot, "seq": seq}).encode())
    assert (refused.value.reason, refused.value.numbered) == (Reason.BAD_FIELD, (boot, seq))


def test_a_numbered_result_without_ts_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        decode_result(json.dumps({"id": ID, "state": "running", "boot": 7, "seq": 9}).encode())
    assert (refused.value.reason, refused.value.numbered) == (Reason.NUMBERED_WITHOUT_TS, (7, 9))


def test_the_stop_like_commands_are_the_three_with_a_rank() -> None:
    assert {order for order in Order if is_stop_like(order)} == set(STOP_RANK)
    assert sorted(STOP_RANK, key=STOP_RANK.__getitem__) == ["return_to_dock", "stop_cleaning", "emergency_stop"]
    assert not is_stop_like("dance")
