"""What a caller wants of a machine, and what of it no machine could read."""

from json import dumps
from typing import Any, NamedTuple

import msgspec

from sunsweep.contract.codec import decode_command, encode_command
from sunsweep.contract.limits import MAX_PAYLOAD_BYTES
from sunsweep.contract.payloads import Command
from sunsweep.contract.refusal import Refused
from sunsweep.server.errors import InvalidError


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
    """Only what a machine can read leaves: no NaN, no half of a character, bounded in size and depth.

    Raises `InvalidError`.
    """
    params = wish.params
    try:
        text = dumps(params, allow_nan=False, ensure_ascii=False).encode()
        if len(text) > MAX_PAYLOAD_BYTES // 2:
            raise InvalidError(f"params has at most {MAX_PAYLOAD_BYTES // 2} bytes", field="params")
        decode_command(encode_command(Command("check", params)))
    except (ValueError, RecursionError, Refused) as error:
        raise InvalidError(f"params cannot be written as JSON for a machine: {error}", field="params") from error
