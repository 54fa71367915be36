"""What an endpoint says of itself to the audit log: what it has done, or what it was about when it was refused."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import User
from sunsweep.server.db.types import MAX_ID
from sunsweep.server.errors import SunsweepError
from sunsweep.server.features.audit import service
from sunsweep.server.features.audit.actors import Actor, Kind, nobody, of_principal, of_user
from sunsweep.server.features.audit.bound import Refusal
from sunsweep.server.features.audit.routes import action_of
from sunsweep.server.features.requests import ServicesOf, address, principal_of, services

RECORDED: Final = (401, 403, 404, 409, 429)
"""Statuses that refuse somebody something; 422 and the like only say that the request makes no sense."""


class Trail:
    """Of one request. `done` goes into the transaction of the change, `about` before whatever may be refused."""

    def __init__(self, request: Request, now_ms: int) -> None:
        self._request = request
        self._now_ms = now_ms
        self.what: str | None = None
        self.company_id: int | None = None
        self.tried: str | None = None

    def about(self, what: str, *, company_id: int | None = None) -> None:
        """Which object, and whose a platform admin means, where the request's address does not say."""
        self.what, self.company_id = what, company_id

    def logging_in(self, email: str) -> None:
        """As whom somebody tries to log in."""
        self.tried = email

    async def asked_for(self, session: AsyncSession, user: User) -> None:
        """Add the entry of what somebody without a login has asked for a user."""
        actor = nobody(address(self._request))
        await self.done(session, f"user {user.email}", company_id=user.company_id, actor=actor)

    async def logged_in(self, session: AsyncSession, user: User) -> None:
        """Add the entry of what a user did who has just shown who they are."""
        actor = of_user(user, address(self._request))
        await self.done(session, f"user {user.email}", company_id=user.company_id, actor=actor)

    async def done(
        self,
        session: AsyncSession,
        what: str,
        *,
        company_id: int | None,
        actor: Actor | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Add the entry; `actor` where the request itself has made one of a nobody."""
        action = action_of(self._request)
        assert action is not None, "the route does not say which action it is"
        actor = actor or _actor(self._request)
        await service.record(session, actor, action, what, company_id=company_id, detail=detail, now_ms=self._now_ms)


def _trail(request: Request, held: ServicesOf) -> Trail:
    request.state.trail = trail = Trail(request, held.now_ms())
    return trail


AuditTrail = Annotated[Trail, Depends(_trail)]


async def note_refusal(request: Request, error: SunsweepError) -> None:
    """Record that a writing request was refused."""
    action = action_of(request)
    if error.status not in RECORDED or action is None:
        return
    held = services(request)
    trail: Trail | None = getattr(request.state, "trail", None)
    actor = _actor(request, tried=(trail and trail.tried) or "")
    what = (trail and trail.what) or _what(request, actor)
    refusal = Refusal(actor, action, what, _company(request), error.status, error.code)
    await held.refusals.record(held.database, refusal, now_ms=held.now_ms())


def _actor(request: Request, *, tried: str = "") -> Actor:
    who = principal_of(request)
    return nobody(address(request), tried=tried) if who is None else of_principal(who, address(request))


def _what(request: Request, actor: Actor) -> str:
    """The first object that the path names, as `machine SCM-1`; else the user whom nobody has tried to be."""
    for name, value in request.path_params.items():
        return f"{name.removesuffix('_id')} {value}"
    return f"user {actor.name}" if actor.kind is Kind.NOBODY and actor.name else ""


def _company(request: Request) -> int | None:
    """Whose admin is to read of the refusal: the caller's own company's, or of the one that a platform admin named."""
    who = principal_of(request)
    if who is None or who.company_id is not None:
        return who.company_id if who else None
    trail: Trail | None = getattr(request.state, "trail", None)
    if trail is not None and trail.company_id is not None:
        return trail.company_id
    asked = request.query_params.get("company_id", "")
    is_number = asked.isascii() and asked.isdecimal() and len(asked) <= len(str(MAX_ID))
    return min(int(asked), MAX_ID) if is_number else None
