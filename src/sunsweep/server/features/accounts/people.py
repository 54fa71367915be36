"""What admins do with people: a company's admin with the company's own, the platform's with everybody."""

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import User
from sunsweep.server.errors import ConflictError, ForbiddenError, NotFoundError
from sunsweep.server.features.accounts import repository, service
from sunsweep.server.features.accounts.roles import Principal, Role


async def known(session: AsyncSession, who: Principal, user_id: int, *, lock: bool = False) -> User:
    """A user whom `who` may see; raises `NotFoundError`, the same for another company's."""
    if who.role is Role.PLATFORM_ADMIN:
        user = await repository.user_by_id(session, user_id)
    else:
        user = await repository.user_of(session, who.company_id, user_id)
    if user is not None and lock:
        user = await repository.lock_user(session, user.id)
    if user is None:
        raise NotFoundError(f"there is no user {user_id}")
    return user


async def invite(
    session: AsyncSession,
    who: Principal,
    email: str,
    role: Role,
    *,
    company_id: int | None,
    password_hash: str,
    now_ms: int,
) -> User:
    """A user whose password nobody knows; raises `ForbiddenError`, `InvalidError`, `ConflictError`."""
    _require_may_give(who, role)
    return await service.add_hashed(
        session, email, role, company_id=company_id, password_hash=password_hash, now_ms=now_ms
    )


async def change(
    session: AsyncSession, who: Principal, user: User, *, role: Role | None, disabled: bool | None, now_ms: int
) -> None:
    """None leaves it; raises `ConflictError` for what would leave nobody who can undo it, `ForbiddenError`."""
    if role is not None and role != user.role:
        if user.id == who.user_id:
            raise ConflictError("nobody changes the own role; another admin can")
        _require_may_give(who, role)
        if Role.PLATFORM_ADMIN in (role, user.role):
            raise ConflictError("who administers the platform has no company, and stays apart from who has one")
        user.role = role
    if disabled is not None and disabled != (user.disabled_at is not None):
        if user.id == who.user_id:
            raise ConflictError("nobody disables the own login; another admin can")
        await service.set_disabled(session, user, disabled=disabled, now_ms=now_ms)


def _require_may_give(who: Principal, role: Role) -> None:
    if not who.role.may_give(role):
        raise ForbiddenError("nobody gives more than what is the own")
