"""What is stored of a message, as rows."""

from collections.abc import Iterator
from typing import Final

from sunsweep.contract.codec import encode_object
from sunsweep.contract.payloads import Result, Status, Telemetry
from sunsweep.server.db.statements import HISTORY_KEY, Row, Table
from sunsweep.server.ingest.messages import Accepted, Rejected

TELEMETRY: Final = Table(
    "telemetry",
    HISTORY_KEY,
    (*HISTORY_KEY, "battery", "solar_v", "solar_a", "water", "extra", "flags", "received_at"),
)
STATUS_EVENTS: Final = Table(
    "status_event",
    HISTORY_KEY,
    (*HISTORY_KEY, "status", "energy", "water", "area", "extra", "flags", "received_at"),
)
RESULTS: Final = Table("command_result", HISTORY_KEY, (*HISTORY_KEY, "command_id", "state", "detail", "received_at"))
LOSSES: Final = Table(
    "ledger_loss", ("machine_id", "boot", "first_seq", "last_seq"), ("machine_id", "boot", "first_seq", "last_seq")
)
ENDS: Final = Table("ledger_end", ("machine_id", "boot"), ("machine_id", "boot", "last_seq"))
DIRTY_HOURS: Final = Table("dirty_hour", ("machine_id", "hour"), ("machine_id", "hour"))
DEAD_LETTERS: Final = Table(
    "dead_letter",
    (),
    ("company_id", "machine_id", "topic", "payload", "size", "boot", "seq", "reason", "detail", "received_at"),
)

FLAG_MISTYPED: Final = 1
HOUR_MS: Final = 3_600_000


def telemetry(item: Accepted, body: Telemetry) -> Row:
    # Written out, unlike the others: these are thousands a second, and calls are most of what a row costs.
    return (
        item.machine.id,
        item.ts_ms,
        body.stamp.boot,
        item.seq,
        body.battery,
        body.solar_v,
        body.solar_a,
        body.water,
        encode_object(body.extra).decode() if body.extra else None,
        FLAG_MISTYPED if body.mistyped else 0,
        item.message.received_ms,
    )


def status_event(item: Accepted, body: Status) -> Row:
    return (
        *_key(item),
        body.status,
        body.energy,
        body.water,
        body.area,
        _text(body.extra),
        _flags(body),
        item.message.received_ms,
    )


def result(item: Accepted, body: Result) -> Row:
    return (*_key(item), body.id, str(body.state), encode_object(body.detail).decode(), item.message.received_ms)


def losses(item: Accepted, body: Status) -> Iterator[Row]:
    """What the machine says it has given up."""
    if body.account is not None:
        yield from ((item.machine.id, boot, *sorted((a, b))) for boot, a, b in body.account.lost)


def ends(item: Accepted, body: Status) -> Iterator[Row]:
    """The boots of which the machine says how far they went."""
    if body.account is not None:
        yield from ((item.machine.id, boot, last) for boot, last in body.account.ended)


def dead_letter(rejected: Rejected) -> Row:
    """What could not be stored, as it came; its company is told only where the topic's machine is that company's."""
    machine, message = rejected.machine, rejected.message
    return (
        machine.company_id if machine else None,
        machine.id if machine else None,
        message.topic[:512],
        message.payload,
        len(message.payload),
        *(rejected.numbered or (None, None)),
        str(rejected.reason),
        rejected.detail[:255],
        message.received_ms,
    )


def _flags(body: Telemetry | Status) -> int:
    return FLAG_MISTYPED if body.mistyped else 0


def _text(value: dict[str, object]) -> str | None:
    return encode_object(value).decode() if value else None


def _key(item: Accepted) -> tuple[int, int, int, int]:
    return item.machine.id, item.ts_ms, item.body.stamp.boot, item.seq
