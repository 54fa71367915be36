"""Frames of `/realtime/{machine_id}` and `/realtime`: `{"type","machine_id","ts","data"}`."""

from enum import StrEnum
from typing import Any

import msgspec

from sunsweep.contract.times import iso


class FrameType(StrEnum):
    SNAPSHOT = "snapshot"
    TELEMETRY = "telemetry"
    STATUS = "status"
    PRESENCE = "presence"
    COMMAND = "command"
    COMMAND_STATE = "command_state"
    RESULT = "result"
    LAGGED = "lagged"


class Close(msgspec.Struct, frozen=True):
    """Why a socket is closed: a code of the application's range (RFC 6455, section 7.4.2) and words."""

    code: int
    reason: str


UNAUTHENTICATED = Close(4401, "no, bad or expired token")
FORBIDDEN = Close(4403, "not yours")
REVOKED = Close(4408, "access revoked")
TRY_AGAIN = Close(1013, "the database takes nothing now; try again")


def frame(kind: FrameType, machine_id: str, ts_ms: int, data: Any) -> str:
    """One frame as text; `data` may be `msgspec.Raw` to pass the machine's JSON on unread."""
    value = {"type": kind, "machine_id": machine_id, "ts": iso(ts_ms), "data": data}
    return msgspec.json.encode(value).decode()
