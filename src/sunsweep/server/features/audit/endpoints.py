"""The audit log, as an admin reads it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from msgspec import json
from pydantic import AwareDatetime, BaseModel

from sunsweep.contract.times import iso, to_ms
from sunsweep.server.db.models import AuditEntry
from sunsweep.server.db.types import MAX_ID
from sunsweep.server.features.audit import repository
from sunsweep.server.features.audit.actions import Action, Outcome
from sunsweep.server.features.audit.actors import Kind
from sunsweep.server.features.audit.repository import Selection
from sunsweep.server.features.requests import Admin, AskedCompany, ServicesOf, own_or_named

router = APIRouter(prefix="/audit", tags=["audit"])

Words = Annotated[str | None, Query(max_length=254)]


class AuditActor(BaseModel):
    kind: Kind
    id: int | None
    name: str
    """As it was called then: an e-mail address, a key's name, a serial."""
    address: str
    """Its network address."""


class AuditEntryOut(BaseModel):
    id: int
    at: str
    company_id: int | None
    actor: AuditActor
    action: str
    object: str
    outcome: Outcome
    detail: dict[str, Any]
    """Of a change: each field's old and new value; of a refusal: its status and code."""


class AuditPage(BaseModel):
    items: list[AuditEntryOut]
    next_cursor: str | None


@router.get("")
async def entries(
    who: Admin,
    held: ServicesOf,
    company_id: AskedCompany = None,
    actor: Words = None,
    action: Action | None = None,
    what: Annotated[str | None, Query(alias="object", max_length=254)] = None,
    outcome: Outcome | None = None,
    begin: Annotated[AwareDatetime | None, Query(alias="from", description="then or later")] = None,
    to: Annotated[AwareDatetime | None, Query(description="before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> AuditPage:
    """The newest first; a platform admin who names no company sees the platform's own entries."""
    owner = own_or_named(who, company_id)
    which = Selection(owner, actor, action, what, outcome, _ms(begin), _ms(to))
    async with held.database.read() as unit:
        rows = await repository.page(unit, which, before=cursor, limit=limit + 1)
    items = [_out(row) for row in rows[:limit]]
    return AuditPage(items=items, next_cursor=str(items[-1].id) if len(rows) > limit else None)


def _ms(instant: datetime | None) -> int | None:
    return None if instant is None else to_ms(instant)


def _out(row: AuditEntry) -> AuditEntryOut:
    actor = AuditActor(kind=Kind(row.actor_kind), id=row.actor_id, name=row.actor, address=row.address)
    return AuditEntryOut(
        id=row.id,
        at=iso(row.at),
        company_id=row.company_id,
        actor=actor,
        action=row.action,
        object=row.object,
        outcome=Outcome(row.outcome),
        detail=json.decode(row.detail),
    )
