"""Dead letters as the API lists them, and their bytes as a person can read them."""

import json
from base64 import b64decode
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sunsweep.app.addresses import address, asked

BYTES_SHOWN: Final = 512
"""Of what is no text: more tells nobody more."""
CHARACTERS_SHOWN: Final = 4000
_BYTES_A_LINE: Final = 16
_TOPIC_LEVELS: Final = 5


@dataclass(frozen=True, slots=True)
class Letter:
    """One message that was refused; `payload` is None where its bytes were not kept."""

    id: int
    topic: str
    machine_id: str
    """Its serial; empty where the topic names none."""
    payload: bytes | None
    size: int
    reason: str
    detail: str
    received_at: str
    replay_at: str | None

    @property
    def can_be_fed_in(self) -> bool:
        return self.payload is not None and self.replay_at is None


def letter(item: Mapping[str, Any]) -> Letter:
    """An item of `GET /dead-letters`."""
    raw = item["payload_base64"]
    return Letter(
        item["id"],
        item["topic"],
        machine_of(item["topic"]),
        None if raw is None else b64decode(raw),
        item["size"],
        item["reason"],
        item["detail"],
        item["received_at"],
        item["replay_at"],
    )


def machine_of(topic: str) -> str:
    """The serial in `company/{company_id}/machine/{machine_id}/{channel}`; empty in another topic."""
    levels = topic.split("/")
    is_machine = len(levels) == _TOPIC_LEVELS and (levels[0], levels[2]) == ("company", "machine")
    return levels[3] if is_machine else ""


@dataclass(frozen=True, slots=True)
class Readable:
    """As text, or as hexadecimal lines with their offsets; not `is_whole` where only its beginning is in it."""

    text: str
    is_text: bool
    is_whole: bool


def readable(payload: bytes) -> Readable:
    """JSON laid out, other text as it is, the rest as hexadecimal."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return _hexadecimal(payload)
    if not all(letter.isprintable() or letter in "\n\r\t" for letter in text):
        return _hexadecimal(payload)
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return Readable(text[:CHARACTERS_SHOWN], is_text=True, is_whole=len(text) <= CHARACTERS_SHOWN)


def _hexadecimal(payload: bytes) -> Readable:
    shown = payload[:BYTES_SHOWN]
    lines = [
        f"{offset:04x}  {shown[offset : offset + _BYTES_A_LINE].hex(' ')}"
        for offset in range(0, len(shown), _BYTES_A_LINE)
    ]
    return Readable("\n".join(lines), is_text=False, is_whole=len(payload) <= BYTES_SHOWN)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the page's address asks for; `before` is a cursor."""

    machine_id: str = ""
    reason: str = ""
    before: str = ""

    @property
    def address(self) -> str:
        return address("/dead-letters", machine=self.machine_id, reason=self.reason, before=self.before)


def wish_of(route: str, reasons: Collection[str]) -> Wish:
    """Of an address; a reason that there is not counts as none."""
    reason, before = asked(route, "reason"), asked(route, "before")
    return Wish(asked(route, "machine"), reason if reason in reasons else "", before if before.isdecimal() else "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has come of feeding messages in again, so far."""

    stored: int
    refused: int
    waiting: int


def outcome(asked: Collection[int], there: Sequence[Letter]) -> Outcome:
    """`there` are the dead letters as they are now: what is stored is one no more."""
    left = [one for one in there if one.id in asked]
    waiting = sum(one.replay_at is not None for one in left)
    return Outcome(len(asked) - len(left), len(left) - waiting, waiting)
