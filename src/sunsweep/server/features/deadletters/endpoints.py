"""Dead letters: what came and could not be stored."""

from base64 import b64encode
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from sunsweep.contract.times import iso
from sunsweep.server.db.models import DeadLetter
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.deadletters import repository
from sunsweep.server.features.requests import MAX_ID, Admin, AskedCompany, ServicesOf, company

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


class DeadLetterPage(BaseModel):
    items: list[DeadLetterOut]
    next_cursor: str | None


@router.get("")
async def dead_letters(
    who: Admin,
    held: ServicesOf,
    company_id: AskedCompany = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> DeadLetterPage:
    """The newest first; a platform admin who names no company sees those that belong to none."""
    nobodys = who.role is Role.PLATFORM_ADMIN and company_id is None
    owner = None if nobodys else company(who, company_id)
    async with held.database.read() as unit:
        rows = await repository.page(unit, owner, before=cursor, limit=limit + 1)
    items = [_out(row) for row in rows[:limit]]
    return DeadLetterPage(items=items, next_cursor=str(items[-1].id) if len(rows) > limit else None)


def _out(row: DeadLetter) -> DeadLetterOut:
    return DeadLetterOut(
        id=row.id,
        topic=row.topic,
        payload_base64=None if row.payload is None else b64encode(row.payload).decode(),
        size=row.size,
        reason=row.reason,
        detail=row.detail,
        received_at=iso(row.received_at),
    )
