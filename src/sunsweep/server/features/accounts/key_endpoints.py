"""API keys over REST, for a company's admins."""

from typing import Annotated

from fastapi import APIRouter, Path

from sunsweep.contract.times import iso
from sunsweep.server.db.types import MAX_ID
from sunsweep.server.features.accounts import key_repository, keys, service
from sunsweep.server.features.accounts.shapes import ApiKeyPage, NewApiKey, NewApiKeyOut, key_out
from sunsweep.server.features.audit.trail import AuditTrail
from sunsweep.server.features.requests import Admin, CompanyId, NumberCursor, PageLimit, PersonAdmin, ServicesOf

router = APIRouter(prefix="/api-keys", tags=["accounts"])

KeyId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("")
async def api_keys(
    _who: Admin, company_id: CompanyId, held: ServicesOf, limit: PageLimit = 200, cursor: NumberCursor = 0
) -> ApiKeyPage:
    """The company's keys, ended ones too."""
    async with held.database.read() as unit:
        rows = await key_repository.page(unit, company_id, after=cursor, limit=limit + 1)
    last = str(rows[limit - 1].id) if len(rows) > limit else None
    return ApiKeyPage(items=[key_out(row) for row in rows[:limit]], next_cursor=last)


@router.post("", status_code=201)
async def create(
    new: NewApiKey, who: PersonAdmin, company_id: CompanyId, held: ServicesOf, trail: AuditTrail
) -> NewApiKeyOut:
    """A key for a program, to be sent as `Authorization: Bearer ssk_…`; it is in this answer and nowhere else."""
    async with held.database.write() as unit:
        await service.known_company(unit, company_id)
        made = await keys.create(
            unit, who, company_id, name=new.name, role=new.role, days=new.expires_in_days, now_ms=held.now_ms()
        )
        told = {"name": new.name, "role": str(new.role), "expires_at": iso(made.row.expires_at)}
        await trail.done(unit, f"key {made.row.id}", company_id=company_id, detail=told)
    return NewApiKeyOut(**key_out(made.row).model_dump(), key=made.secret)


@router.delete("/{key_id}", status_code=204)
async def revoke(key_id: KeyId, _who: PersonAdmin, company_id: CompanyId, held: ServicesOf, trail: AuditTrail) -> None:
    """End a key at once, the sockets that it has opened too."""
    async with held.database.write() as unit:
        ended = await keys.revoke(unit, company_id, key_id, now_ms=held.now_ms())
        await trail.done(unit, f"key {ended.id}", company_id=company_id, detail={"name": ended.name})
