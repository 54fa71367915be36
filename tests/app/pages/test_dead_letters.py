"""Refused messages as a person reads them, and what comes of feeding them in again."""

from base64 import b64decode, b64encode
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sunsweep.app.look.refusals import MESSAGES
from sunsweep.app.pages.dead_letters.letters import (
    BYTES_SHOWN,
    Letter,
    Outcome,
    Wish,
    letter,
    machine_of,
    outcome,
    readable,
    wish_of,
)
from sunsweep.contract.refusal import Reason
from sunsweep.contract.topics import Channel, MachineTopic


def item(number: int = 1, payload: bytes | None = b"{}", **other: Any) -> Letter:
    raw = None if payload is None else b64encode(payload).decode()
    told = {
        "id": number,
        "topic": "company/1/machine/SCM-1/telemetry",
        "payload_base64": raw,
        "size": 2,
        "reason": "bad_field",
        "detail": "",
        "received_at": "2026-11-28T09:00:00Z",
        "replay_at": None,
    }
    return letter(told | other)


def test_every_reason_has_words() -> None:
    assert set(MESSAGES) == set(Reason)


def test_the_machine_is_read_off_the_topic() -> None:
    assert machine_of(str(MachineTopic(3, "SCM-1", Channel.RESULT))) == "SCM-1"
    assert [machine_of(topic) for topic in ("", "company/1", "a/1/machine/x/y", "company/1/machine/x/y/z")] == [""] * 4


def test_json_is_laid_out_and_other_text_left() -> None:
    assert readable('{"note":"día"}'.encode()).text == '{\n  "note": "día"\n}'
    assert readable(b"not json").text == "not json"
    assert readable(b"").is_text


def test_what_is_no_text_is_shown_in_hexadecimal() -> None:
    shown = readable(bytes(range(18)))
    assert (shown.text, shown.is_text, shown.is_whole) == (
        "0000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n0010  10 11", False, True,
    )  # fmt: skip
    assert not readable(b"\0" * (BYTES_SHOWN + 1)).is_whole


@given(st.binary(max_size=2000))
def test_whatever_was_sent_can_be_shown(payload: bytes) -> None:
    text = readable(payload).text
    assert all(letter.isprintable() or letter in "\n\r\t" for letter in text)
    found = item(payload=payload).payload
    assert found == b64decode(b64encode(payload))


def test_an_address_says_which_are_shown() -> None:
    wish = Wish("SCM-1", "not_json", "17")
    assert wish_of(wish.address, MESSAGES) == wish
    assert wish_of("/dead-letters?reason=no_such&before=x", MESSAGES) == Wish()
    assert Wish().address == "/dead-letters"


def test_only_what_has_its_bytes_is_fed_in() -> None:
    asked = item(replay_at="2026-11-28T09:00:00Z")
    assert [one.can_be_fed_in for one in (item(), item(payload=None), asked)] == [True, False, False]


def test_what_is_gone_was_stored() -> None:
    now = [item(2), item(3, replay_at="2026-11-28T09:00:00Z"), item(9)]
    assert outcome([1, 2, 3], now) == Outcome(stored=1, refused=1, waiting=1)
