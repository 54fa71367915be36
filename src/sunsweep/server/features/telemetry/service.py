"""History: which span, in which resolution, in pages."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from msgspec import json
from sqlalchemy import Row

from sunsweep.contract.limits import MAX_CLOCK_AHEAD_MS
from sunsweep.contract.times import iso, to_ms
from sunsweep.server.db.models import StatusEvent, TelemetryRow
from sunsweep.server.errors import InvalidError
from sunsweep.server.features.telemetry.repository import MEASURED, Key, Span

_CURSOR: Final = re.compile(r"(-?[0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,19})", re.ASCII)
DAY_MS: Final = 86_400_000
AUTO_POINTS: Final = 1000


class Resolution(StrEnum):
    RAW = "raw"
    MINUTE = "1m"
    HOUR = "1h"
    DAY = "1d"
    AUTO = "auto"


BUCKET_MS: Final = {Resolution.MINUTE: 60_000, Resolution.HOUR: 3_600_000, Resolution.DAY: DAY_MS}


def read_instant(text: str, field: str) -> int:
    """Milliseconds of an ISO 8601 text with a zone; raises `InvalidError` naming the field."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(f"{field} is no ISO 8601 time", field=field) from error
    if instant.tzinfo is None:
        raise InvalidError(f"{field} needs a zone, such as 2026-01-31T00:00:00Z", field=field)
    return to_ms(instant)


def span(begin: datetime | None, end: datetime | None, *, now_ms: int) -> Span:
    """The span asked for, by default the last day; raises `InvalidError`."""
    for name, instant in (("from", begin), ("to", end)):
        if instant is not None and instant.tzinfo is None:
            raise InvalidError(f"{name} needs a zone, such as 2026-01-31T00:00:00Z", field=name)
    # A measurement may be dated a little ahead of our clock.
    to = to_ms(end) if end else now_ms + MAX_CLOCK_AHEAD_MS
    since = to_ms(begin) if begin else to - DAY_MS
    if since >= to:
        raise InvalidError("from must lie before to", field="from")
    return Span(since, to)


def resolve(wish: Resolution, asked: Span, *, expected_interval_s: int) -> Resolution:
    """The finest resolution that gives at most about 1,000 points."""
    if wish is not Resolution.AUTO:
        return wish
    length_ms = asked.to_ms - asked.from_ms
    if length_ms <= AUTO_POINTS * expected_interval_s * 1000:
        return Resolution.RAW
    fitting = (resolution for resolution, ms in BUCKET_MS.items() if length_ms <= AUTO_POINTS * ms)
    return next(fitting, Resolution.DAY)


def read_cursor(cursor: str) -> Key | None:
    """Raises `InvalidError`."""
    if not cursor:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidError("that is no cursor of ours", field="cursor")
    return int(match[1]), int(match[2]), int(match[3])


def after_buckets(asked: Span, cursor: str) -> Span:
    """The part of the span that is left after the buckets of earlier pages; raises `InvalidError`."""
    after = read_cursor(cursor)
    return asked if after is None else Span(max(asked.from_ms, after[0]), asked.to_ms)


def cursor_of(row: TelemetryRow | StatusEvent) -> str:
    return f"{row.ts}.{row.boot}.{row.seq}"


def sample_out(row: TelemetryRow) -> dict[str, Any]:
    """A raw sample with its times."""
    sample = {"ts": iso(row.ts), **{name: getattr(row, name) for name in MEASURED}}
    return {**sample, "extra": _object(row.extra), "received_at": iso(row.received_at)}


def sample_wire(row: TelemetryRow) -> dict[str, Any]:
    """A raw sample in the shape of the wire, for viewers who missed it."""
    sample = {name: value for name in MEASURED if (value := getattr(row, name)) is not None}
    extra = {"extra": _object(row.extra)} if row.extra else {}
    number = {"boot": row.boot, "seq": row.seq} if row.boot else {}
    return {**sample, **extra, "ts": iso(row.ts), **number}


def bucket_out(row: Row[Any]) -> dict[str, Any]:
    """A bucket, named by its start."""
    values = row._asdict()
    return {"ts": iso(values.pop("bucket")), **values}


def event_out(row: StatusEvent) -> dict[str, Any]:
    """A change of state with its times."""
    said = {
        "status": row.status,
        "energy": row.energy,
        "water": row.water,
        "area": row.area,
        "extra": _object(row.extra),
    }
    return {"ts": iso(row.ts), **said, "received_at": iso(row.received_at)}


def _object(text: str | None) -> dict[str, Any]:
    found: dict[str, Any] = json.decode(text) if text else {}
    return found
