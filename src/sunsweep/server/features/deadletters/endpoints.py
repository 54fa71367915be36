"""Dead letters: what came and could not be stored."""

from base64 import b64encode
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from sunsweep.contract.refusal import Reason
from sunsweep.contract.times import iso, to_ms
from sunsweep.contract.topics import SERIAL_PATTERN
from sunsweep.server.db.models import DeadLetter
from sunsweep.server.db.types import MAX_ID
from sunsweep.server.features.audit.trail import AuditTrail
from sunsweep.server.features.deadletters import repository
from sunsweep.server.features.deadletters.repository import Selection
from sunsweep.server.features.requests import Admin, AskedCompany, ServicesOf, own_or_named

Serial = Annotated[str, StringConstraints(pattern=rf"^{SERIAL_PATTERN}$")]

router = APIRouter(prefix="/dead-letters", tags=["dead letters"])


class DeadLetterOut(BaseModel):
    id: int
    topic: str
    payload_base64: str | None
    """None beyond the cap of its machine and day."""
    size: int
    """Bytes."""
    reason: str
    detail: str
    received_at: str
    replay_at: str | None
    """When it was asked to be fed in again; None where it was not, or that is done."""


class DeadLetterPage(BaseModel):
    items: list[DeadLetterOut]
    next_cursor: str | None


class Replay(BaseModel):
    """Which dead letters to feed in again; what is left out leaves nothing out. `machine_id` is a serial number."""

    model_config = ConfigDict(extra="forbid")

    machine_id: Serial | None = None
    reason: Reason | None = None
    begin: Annotated[AwareDatetime | None, Field(alias="from", description="received then or later")] = None
    to: Annotated[AwareDatetime | None, Field(description="received before")] = None
    ids: Annotated[list[Annotated[int, Field(ge=1, le=MAX_ID)]] | None, Field(max_length=1000)] = None


class ReplayAsked(BaseModel):
    asked: int
    """Those that have their bytes; they are fed in within seconds."""


@router.get("")
async def dead_letters(
    who: Admin,
    held: ServicesOf,
    company_id: AskedCompany = None,
    machine_id: Annotated[Serial | None, Query()] = None,
    reason: Reason | None = None,
    begin: Annotated[AwareDatetime | None, Query(alias="from", description="received then or later")] = None,
    to: Annotated[AwareDatetime | None, Query(description="received before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> DeadLetterPage:
    """The newest first; a platform admin who names no company sees those that belong to none."""
    which = Selection(
        own_or_named(who, company_id), serial=machine_id, reason=reason, from_ms=_ms(begin), to_ms=_ms(to)
    )
    async with held.database.read() as unit:
        rows = await repository.page(unit, which, before=cursor, limit=limit + 1)
    items = [_out(row) for row in rows[:limit]]
    return DeadLetterPage(items=items, next_cursor=str(items[-1].id) if len(rows) > limit else None)


@router.post("/replay", status_code=202)
async def replay(
    who: Admin, held: ServicesOf, trail: AuditTrail, wish: Replay, company_id: AskedCompany = None
) -> ReplayAsked:
    """Ask for dead letters to be fed in again; what is stored now is one no more, the others stay with their reason."""
    owner = own_or_named(who, company_id)
    which = Selection(
        owner,
        serial=wish.machine_id,
        reason=wish.reason,
        from_ms=_ms(wish.begin),
        to_ms=_ms(wish.to),
        ids=wish.ids,
    )
    async with held.database.write() as unit:
        asked = await repository.ask(unit, which, now_ms=held.now_ms())
        wanted = wish.model_dump(mode="json", by_alias=True, exclude_unset=True)
        await trail.done(unit, "dead letters", company_id=owner, detail={"asked": asked} | wanted)
    return ReplayAsked(asked=asked)


def _ms(instant: datetime | None) -> int | None:
    return None if instant is None else to_ms(instant)


def _out(row: DeadLetter) -> DeadLetterOut:
    return DeadLetterOut(
        id=row.id,
        topic=row.topic,
        payload_base64=None if row.payload is None else b64encode(row.payload).decode(),
        size=row.size,
        reason=row.reason,
        detail=row.detail,
        received_at=iso(row.received_at),
        replay_at=None if row.replay_at is None else iso(row.replay_at),
    )
