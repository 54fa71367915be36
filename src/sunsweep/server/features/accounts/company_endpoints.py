"""Companies over REST: the platform admin's; a company's people see their own."""

from typing import Annotated

from fastapi import APIRouter, Path

from sunsweep.server.db.types import MAX_ID
from sunsweep.server.errors import ForbiddenError
from sunsweep.server.features.accounts import repository, service
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.accounts.shapes import (
    CompanyChange,
    CompanyOut,
    CompanyPage,
    NewCompany,
    company_out,
)
from sunsweep.server.features.answers import refusals
from sunsweep.server.features.audit.trail import AuditTrail
from sunsweep.server.features.requests import (
    Admin,
    Caller,
    NumberCursor,
    PageLimit,
    PlatformAdmin,
    ServicesOf,
    own_or_named,
)

router = APIRouter(prefix="/companies", tags=["accounts"])

CompanyNumber = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("")
async def companies(who: Caller, held: ServicesOf, limit: PageLimit = 200, cursor: NumberCursor = 0) -> CompanyPage:
    """All companies for a platform admin, the own one for everybody else."""
    async with held.database.read() as unit:
        if who.company_id is not None:
            rows = [await service.known_company(unit, who.company_id)] if who.company_id > cursor else []
        else:
            rows = list(await repository.companies_page(unit, after=cursor, limit=limit + 1))
    last = str(rows[limit - 1].id) if len(rows) > limit else None
    return CompanyPage(items=[company_out(row) for row in rows[:limit]], next_cursor=last)


@router.post("", status_code=201, responses=refusals(409))
async def add(new: NewCompany, _who: PlatformAdmin, held: ServicesOf, trail: AuditTrail) -> CompanyOut:
    """Add a company."""
    async with held.database.write() as unit:
        made = await service.add_company(unit, new.name, now_ms=held.now_ms())
        await trail.done(unit, f"company {made.id}", company_id=made.id, detail={"name": made.name})
        return company_out(made)


@router.get("/{company_id}")
async def company(company_id: CompanyNumber, who: Caller, held: ServicesOf) -> CompanyOut:
    """One company."""
    own_or_named(who, company_id)
    async with held.database.read() as unit:
        return company_out(await service.known_company(unit, company_id))


@router.patch("/{company_id}", responses=refusals(409))
async def change(
    company_id: CompanyNumber, wish: CompanyChange, who: Admin, held: ServicesOf, trail: AuditTrail
) -> CompanyOut:
    """Change a company; its raw measurements may be kept shorter than the platform's, not longer.

    Its own admins say what holds for its commands; the name and the retention are the platform admin's.
    """
    own_or_named(who, company_id)
    asked = wish.model_dump(exclude_unset=True)
    if who.role is not Role.PLATFORM_ADMIN and not asked.keys() <= service.COMPANYS_OWN:
        raise ForbiddenError("the name and the retention are the platform admin's to change")
    async with held.database.write() as unit:
        found = await service.known_company(unit, company_id)
        before = {name: getattr(found, name) for name in asked}
        if asked.get("name") is not None:
            await service.rename_company(unit, found, asked["name"])
        if "raw_retention_days" in asked:
            days, most = asked["raw_retention_days"], held.settings.retention_days
            service.set_retention(found, days, most_days=most)
        for name in service.COMPANYS_OWN & asked.keys():
            setattr(found, name, asked[name])
        changed = {name: (old, new) for name, old in before.items() if (new := getattr(found, name)) != old}
        await trail.done(unit, f"company {found.id}", company_id=found.id, detail=changed)
    return company_out(found)
