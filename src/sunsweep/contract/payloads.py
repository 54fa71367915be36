"""Shapes of the payloads.

The `*Wire` structs are the JSON as it travels and the source of the published schemas; the others are what the
rest of the program works with. A field that is missing and one that is null mean the same.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta, Struct, field

from sunsweep.contract.limits import (
    MAX_ACCOUNT_RANGES,
    MAX_BOOT,
    MAX_COMMAND_CHARS,
    MAX_SEQ,
    MAX_STATUS_CHARS,
)

OFFLINE: Final = "offline"

Instant = Annotated[datetime, Meta(tz=True, description="UTC, ISO 8601 with milliseconds")]
Boot = Annotated[int, Meta(ge=1, le=MAX_BOOT, description="53 random bits, drawn at each start of the program")]
Seq = Annotated[int, Meta(ge=1, le=MAX_SEQ, description="from 1, gapless within the boot")]
LastSeq = Annotated[int, Meta(ge=0, le=MAX_SEQ, description="the last one drawn in the boot, 0 where none was")]
Session = Annotated[tuple[Boot, Seq], Meta(description="[boot, n], n counting the connections within the boot")]
_END = r"$(?!\n)"  # Python's `$` also matches before a last line feed
CommandName = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_.-]{{1,{MAX_COMMAND_CHARS}}}{_END}")]
CommandId = Annotated[
    str,
    Meta(
        pattern=rf"^[0-9a-f]{{8}}-[0-9a-f]{{4}}-7[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}{_END}",
        description="UUIDv7 (RFC 9562); ids of one machine are in the order of its commands",
    ),
]


class TelemetryWire(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One sample of a machine's sensors, every 30-60 s."""

    battery: Annotated[float | None, Meta(description="battery, V")] = None
    solar_v: Annotated[float | None, Meta(description="panel, V")] = None
    solar_a: Annotated[float | None, Meta(description="panel, A")] = None
    water: Annotated[float | None, Meta(description="tank, % full")] = None
    extra: Annotated[dict[str, Any] | None, Meta(description="whatever else the machine measures")] = None
    ts: Annotated[Instant | None, Meta(description="when it was measured")] = None
    boot: Boot | None = None
    seq: Seq | None = None


class OutboxReport(Struct, omit_defaults=True):
    """What waits on the machine."""

    pending: Annotated[int, Meta(ge=0, le=MAX_SEQ)]
    oldest: Instant | None = None


class LossAccount(Struct, omit_defaults=True):
    """Numbered messages that will never come."""

    lost: Annotated[list[tuple[Boot, Seq, Seq]], Meta(max_length=MAX_ACCOUNT_RANGES)] = field(default_factory=list)
    ended: Annotated[list[tuple[Boot, LastSeq]], Meta(max_length=MAX_ACCOUNT_RANGES)] = field(default_factory=list)


class StatusWire(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """State of a machine: a heartbeat, a change, or its last will."""

    status: Annotated[str, Meta(max_length=MAX_STATUS_CHARS, description="free text; `offline` is the will")] | None = (
        None
    )
    energy: Annotated[float | None, Meta(description="this run, Wh")] = None
    water: Annotated[float | None, Meta(description="this run, litres")] = None
    area: Annotated[float | None, Meta(description="this run, m²")] = None
    ts: Annotated[Instant | None, Meta(description="when it was so")] = None
    boot: Boot | None = None
    seq: Seq | None = None
    session: Session | None = None
    software: Annotated[str, Meta(max_length=64)] | None = None
    outbox: OutboxReport | None = None
    account: LossAccount | None = None


class CommandWire(Struct, omit_defaults=True):
    """An order to a machine. The customer's bare form has `command` and `params` only."""

    command: CommandName
    params: dict[str, Any] | None = None
    id: CommandId | None = None
    issued_at: Instant | None = None
    expires_at: Instant | None = None


class ResultState(StrEnum):
    """What a machine says of a command."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"


class ResultWire(Struct, omit_defaults=True):
    """A machine's word on a command that carried an `id`."""

    id: CommandId
    state: ResultState
    detail: dict[str, Any] | None = None
    ts: Instant | None = None
    boot: Boot | None = None
    seq: Seq | None = None


class ReceiptWire(Struct, omit_defaults=True):
    """What the backend has stored or rejected for good, and its clock."""

    now: Instant
    boot: Boot | None = None
    seq: list[tuple[Seq, Seq]] = field(default_factory=list)
    rejected: list[tuple[Seq, Seq, str]] = field(default_factory=list)


class Stamp(Struct, frozen=True, gc=False):
    """When a message was measured and which it is: `boot` and `seq` are 0 where it carries no number."""

    ts_ms: int | None = None
    boot: int = 0
    seq: int = 0

    @property
    def numbered(self) -> bool:
        return self.boot > 0


UNSTAMPED: Final = Stamp()


class Telemetry(Struct, frozen=True, gc=False):
    """A sample: V, V, A, % of the tank; `extra` also holds unknown fields and, named in `mistyped`, unusable ones."""

    battery: float | None = None
    solar_v: float | None = None
    solar_a: float | None = None
    water: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    stamp: Stamp = UNSTAMPED
    mistyped: tuple[str, ...] = ()


class Status(Struct, frozen=True):
    """A state: Wh, litres and m² of the current run; None is "not said"."""

    status: str | None = None
    energy: float | None = None
    water: float | None = None
    area: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    stamp: Stamp = UNSTAMPED
    mistyped: tuple[str, ...] = ()
    session: tuple[int, int] | None = None
    software: str | None = None
    outbox: OutboxReport | None = None
    account: LossAccount | None = None

    @property
    def offline(self) -> bool:
        """Whether this is presence (a will, or a farewell) and not a state of work."""
        return self.status is not None and self.status.strip().casefold() == OFFLINE


class Command(Struct, frozen=True):
    """An order. `id` is None in the customer's bare form; times are milliseconds since 1970."""

    command: str
    params: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    issued_at_ms: int | None = None
    expires_at_ms: int | None = None


class Result(Struct, frozen=True):
    """A machine's word on the command `id`; nothing in it is lenient."""

    mistyped: ClassVar[tuple[str, ...]] = ()

    id: str
    state: ResultState
    detail: dict[str, Any] = field(default_factory=dict)
    stamp: Stamp = UNSTAMPED


class Receipt(Struct, frozen=True):
    """Stored and rejected ranges (inclusive) of one boot; both empty when only the clock is told."""

    now_ms: int
    boot: int = 0
    stored: tuple[tuple[int, int], ...] = ()
    rejected: tuple[tuple[int, int, str], ...] = ()
