"""What a caller wants of a machine, and what of it no machine could read."""

from json import dumps
from typing import Any, Final, NamedTuple

import msgspec

from sunsweep.contract.codec import decode_command, encode_command
from sunsweep.contract.commands import Order
from sunsweep.contract.limits import MAX_PAYLOAD_BYTES
from sunsweep.contract.payloads import Command
from sunsweep.contract.refusal import Refused
from sunsweep.server.errors import InvalidError

MODES: Final = ("auto", "manual", "edge")


class Wish(msgspec.Struct, frozen=True):
    """An order; `expires_in_s` matters to start-like commands only."""

    command: str
    params: dict[str, Any]
    expires_in_s: int | None = None
    idempotency_key: str | None = None


class Giver(NamedTuple):
    """Who gives it: a person, an API key, or neither, which is the command line."""

    user_id: int | None
    key_id: int | None

    @property
    def is_person(self) -> bool:
        return self.key_id is None


def check(wish: Wish) -> None:
    """Raises `InvalidError` naming the field."""
    _check_wire(wish.params)
    if wish.command != Order.START_CLEANING:
        return
    speed, mode = wish.params.get("speed"), wish.params.get("mode")
    if speed is not None and (isinstance(speed, bool) or not isinstance(speed, int | float) or not 1 <= speed <= 10):
        raise InvalidError(f"params.speed is {speed!r}; it must be a number from 1 to 10", field="params.speed")
    if mode is not None and mode not in MODES:
        raise InvalidError(f"params.mode is {mode!r}; it must be one of {', '.join(MODES)}", field="params.mode")


def _check_wire(params: dict[str, Any]) -> None:
    """Only what a machine can read leaves: no NaN, no half of a character, bounded in size and depth."""
    try:
        text = dumps(params, allow_nan=False, ensure_ascii=False).encode()
        if len(text) > MAX_PAYLOAD_BYTES // 2:
            raise InvalidError(f"params has at most {MAX_PAYLOAD_BYTES // 2} bytes", field="params")
        decode_command(encode_command(Command("check", params)))
    except (ValueError, RecursionError, Refused) as error:
        raise InvalidError(f"params cannot be written as JSON for a machine: {error}", field="params") from error
