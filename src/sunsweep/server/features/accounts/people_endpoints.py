"""People over REST, for their admins. No password crosses the wire: whoever is new sets one with a link."""

from typing import Annotated

from fastapi import APIRouter, Path

from sunsweep.contract.times import iso
from sunsweep.server.db.types import MAX_ID
from sunsweep.server.features.accounts import people, repository, reset
from sunsweep.server.features.accounts.passwords import generate_password, hash_password
from sunsweep.server.features.accounts.shapes import (
    NewUser,
    NewUserOut,
    ResetLink,
    UserChange,
    UserOut,
    UserPage,
    user_out,
)
from sunsweep.server.features.answers import refusals
from sunsweep.server.features.audit.trail import AuditTrail
from sunsweep.server.features.requests import (
    Admin,
    AskedCompany,
    NumberCursor,
    PageLimit,
    PersonAdmin,
    ServicesOf,
    own_or_named,
)

router = APIRouter(prefix="/users", tags=["accounts"])

UserId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("")
async def users(
    who: Admin, held: ServicesOf, company_id: AskedCompany = None, limit: PageLimit = 200, cursor: NumberCursor = 0
) -> UserPage:
    """The people of the caller's company; for a platform admin those of the named one, or all."""
    company_id = own_or_named(who, company_id)
    async with held.database.read() as unit:
        if company_id is None:
            rows = await repository.everybody_page(unit, after=cursor, limit=limit + 1)
        else:
            rows = await repository.users_page(unit, company_id, after=cursor, limit=limit + 1)
    last = str(rows[limit - 1].id) if len(rows) > limit else None
    return UserPage(items=[user_out(row) for row in rows[:limit]], next_cursor=last)


@router.post("", status_code=201, responses=refusals(404, 409, 429))
async def add(new: NewUser, who: PersonAdmin, held: ServicesOf, trail: AuditTrail) -> NewUserOut:
    """Add a user; the link with which the password is set is in this answer and nowhere else."""
    now_ms = held.now_ms()
    trail.about(f"user {new.email}", company_id=new.company_id)
    company_id = own_or_named(who, new.company_id)
    async with held.login_gate.passing():
        unknown = await hash_password(generate_password())
    async with held.database.write() as unit:
        user = await people.invite(
            unit, who, new.email, new.role, company_id=company_id, password_hash=unknown, now_ms=now_ms
        )
        base = held.settings.link_base
        link = await reset.make_link(unit, user, base, life_s=reset.HANDED_S, now_ms=now_ms)
        await trail.done(unit, f"user {user.email}", company_id=user.company_id, detail={"role": user.role})
    return NewUserOut(**user_out(user).model_dump(), reset_link=link.url, reset_expires_at=iso(link.expires_at))


@router.get("/{user_id}")
async def user(user_id: UserId, who: Admin, held: ServicesOf) -> UserOut:
    """One user."""
    async with held.database.read() as unit:
        return user_out(await people.known(unit, who, user_id))


@router.patch("/{user_id}", responses=refusals(409))
async def change(user_id: UserId, wish: UserChange, who: PersonAdmin, held: ServicesOf, trail: AuditTrail) -> UserOut:
    """Change a user; one who is disabled is out at once."""
    async with held.database.write() as unit:
        found = await people.known(unit, who, user_id, lock=True)
        before = (found.role, found.disabled_at is not None)
        await people.change(unit, who, found, role=wish.role, disabled=wish.disabled, now_ms=held.now_ms())
        after = (found.role, found.disabled_at is not None)
        pairs = zip(("role", "disabled"), before, after, strict=True)
        changed = {name: (old, new) for name, old, new in pairs if old != new}
        await trail.done(unit, f"user {found.email}", company_id=found.company_id, detail=changed)
    return user_out(found)


@router.post("/{user_id}/reset-link", status_code=201, responses=refusals(409))
async def reset_link(user_id: UserId, who: PersonAdmin, held: ServicesOf, trail: AuditTrail) -> ResetLink:
    """A link with which the user sets a new password, to be handed over; shown this once."""
    async with held.database.write() as unit:
        found = await people.known(unit, who, user_id, lock=True)
        base = held.settings.link_base
        link = await reset.make_link(unit, found, base, life_s=reset.HANDED_S, now_ms=held.now_ms())
        await trail.done(unit, f"user {found.email}", company_id=found.company_id)
    return ResetLink(reset_link=link.url, reset_expires_at=iso(link.expires_at))
