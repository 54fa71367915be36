"""What a machine's newest words make of its current state: who is newest, what is late, who is here."""

from typing import Any, Final, NamedTuple, Protocol

import msgspec

from sunsweep.contract.codec import encode_object
from sunsweep.contract.payloads import OFFLINE, Result, Status, Telemetry

MAX_PAST_BOOTS: Final = 100


class Current(msgspec.Struct):
    """The row of `machine_status`, in the order of its columns."""

    machine_id: int
    status: str | None = None
    energy: float | None = None
    run_water: float | None = None
    area: float | None = None
    status_extra: str | None = None
    status_at: int | None = None
    battery: float | None = None
    solar_v: float | None = None
    solar_a: float | None = None
    water: float | None = None
    telemetry_extra: str | None = None
    telemetry_at: int | None = None
    presence: str = "offline"
    presence_since: int = 0
    presence_cause: str = "never_heard"
    heard_at: int = 0
    seen_at: int = 0
    session_boot: int | None = None
    session_n: int | None = None
    in_session: bool = False
    past_boots: str = "[]"
    software: str | None = None


class Shown(Protocol):
    """What the shown status is made of; the struct here and the ORM's row both have it."""

    status: Any
    presence: Any
    presence_cause: Any


def shown_status(current: Shown) -> str | None:
    """A machine's last word on its status: `offline` once its will came."""
    said_farewell = current.presence == "offline" and current.presence_cause == "status"
    return OFFLINE if said_farewell else current.status


class Folded(NamedTuple):
    """Whether the status text shown has changed, and whether the message is news at all (neither late nor stale)."""

    changed: bool
    news: bool


def fold(current: Current, body: Telemetry | Status | Result, order_ms: int, received_ms: int) -> Folded:
    """Take a message into the current state; `order_ms` = min(when measured, when received)."""
    before = shown_status(current)
    if isinstance(body, Status):
        news = _fold_status(current, body, order_ms, received_ms)
    else:
        news = not isinstance(body, Telemetry) or _fold_telemetry(current, body, order_ms)
        _heard(current, order_ms, received_ms)
    return Folded(shown_status(current) != before, news)


def _fold_telemetry(current: Current, body: Telemetry, order_ms: int) -> bool:
    if current.telemetry_at is not None and order_ms < current.telemetry_at:
        return False
    current.telemetry_at = order_ms
    current.battery, current.solar_v, current.solar_a, current.water = (
        body.battery,
        body.solar_v,
        body.solar_a,
        body.water,
    )
    current.telemetry_extra = encode_object(body.extra).decode() if body.extra else None
    return True


def _fold_status(current: Current, body: Status, order_ms: int, received_ms: int) -> bool:
    if not _of_newest_session(current, body.session):
        return False
    late = current.status_at is not None and order_ms < current.status_at
    if not body.offline:
        _heard(current, order_ms, received_ms)
    if late:
        return False
    current.status_at = order_ms
    current.in_session = body.session is not None
    if body.offline:
        _be(current, "offline", "status", order_ms)
    else:
        _take(current, body)
    return True


def _take(current: Current, body: Status) -> None:
    """A status changes only the fields it carries."""
    current.status = body.status or current.status
    current.energy = current.energy if body.energy is None else body.energy
    current.run_water = current.run_water if body.water is None else body.water
    current.area = current.area if body.area is None else body.area
    current.software = body.software or current.software
    if body.extra:
        current.status_extra = encode_object(body.extra).decode()


def _of_newest_session(current: Current, session: tuple[int, int] | None) -> bool:
    """Of two sessions of a boot the higher is newer; of two boots the one seen later, and none comes back."""
    if session is None:
        return True
    boot, n = session
    if boot != current.session_boot:
        past = msgspec.json.decode(current.past_boots, type=list[int])
        if boot in past:
            return False
        if current.session_boot is not None:
            past.append(current.session_boot)
        current.past_boots = encode_object(past[-MAX_PAST_BOOTS:]).decode()
    elif current.session_n is not None and n < current.session_n:
        return False
    current.session_boot, current.session_n = boot, n
    return True


def _heard(current: Current, order_ms: int, received_ms: int) -> None:
    """Any word is a sign of life, unless it is older than the newest farewell.

    Who was only silent is back with whatever it sends, however old that is.
    """
    if current.presence == "stale" and received_ms > current.seen_at:
        _be(current, "online", "heard", max(received_ms, current.presence_since))
    current.seen_at = max(current.seen_at, received_ms)
    if order_ms < current.heard_at:
        return
    current.heard_at = order_ms
    if current.presence == "online":
        return
    farewell_ms = current.status_at or 0 if current.presence_cause == "status" else current.presence_since
    if order_ms >= farewell_ms:
        _be(current, "online", "heard", order_ms)


def _be(current: Current, presence: str, cause: str, at_ms: int) -> None:
    if current.presence != presence or current.presence_cause == "never_heard":
        current.presence, current.presence_cause, current.presence_since = presence, cause, at_ms
