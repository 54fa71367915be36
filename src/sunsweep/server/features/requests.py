"""What endpoints ask of a request: the process's services, who is calling, and for which company."""

from typing import Annotated

from fastapi import Depends, Query
from fastapi.requests import HTTPConnection
from fastapi.security import OAuth2PasswordBearer

from sunsweep.server.db.engine import DATABASE_AWAY
from sunsweep.server.db.types import MAX_ID
from sunsweep.server.errors import ForbiddenError, InvalidError, NotFoundError, UnauthenticatedError
from sunsweep.server.features.accounts import service
from sunsweep.server.features.accounts.roles import Principal, Role
from sunsweep.server.features.services import Services

COOKIE = "sunsweep_session"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def services(connection: HTTPConnection) -> Services:
    """The process's services; one place, so that nothing else reads the application's state."""
    found: Services = connection.app.state.services
    return found


ServicesOf = Annotated[Services, Depends(services)]


def bearer(connection: HTTPConnection) -> str | None:
    """The token of the `Authorization` header."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None


_Bearer = Annotated[str | None, Depends(OAuth2PasswordBearer(tokenUrl="/api/v1/auth/token", auto_error=False))]
"""Tells OpenAPI how to log in."""


def is_own_origin(connection: HTTPConnection, origin: str) -> bool:
    """Whether a page of this origin is ours.

    Where the request came by TLS the page did too; without, TLS may have ended at a proxy that nobody trusts.
    """
    schemes = ("https",) if connection.url.scheme in {"https", "wss"} else ("http", "https")
    return origin in {f"{scheme}://{connection.headers.get('host', '')}" for scheme in schemes}


async def caller(connection: HTTPConnection, held: ServicesOf, token: _Bearer) -> Principal:
    """Who is calling, by header or cookie; raises `UnauthenticatedError`, `ForbiddenError`."""
    if token is None:
        token = connection.cookies.get(COOKIE)
        writes = connection.scope.get("method") not in SAFE_METHODS
        if token is not None and writes and "x-requested-with" not in connection.headers:
            raise ForbiddenError("writes with the login cookie need the header X-Requested-With")
    if token is None:
        raise UnauthenticatedError("log in first: no access token was given")
    connection.state.principal = who = await service.principal(held.database, held.tokens, token, now_ms=held.now_ms())
    return who


def principal_of(connection: HTTPConnection) -> Principal | None:
    """Who `caller` has found to be calling; None before that, or where nobody is logged in."""
    return getattr(connection.state, "principal", None)


Caller = Annotated[Principal, Depends(caller)]


async def maybe_caller(connection: HTTPConnection, held: ServicesOf, token: _Bearer) -> Principal | None:
    """Who is calling, or None: for what needs no login, and changes nothing of anybody's.

    Nor the database, which tells who it is: None while it is away.
    """
    try:
        return await caller(connection, held, token)
    except (UnauthenticatedError, ForbiddenError, *DATABASE_AWAY):
        return None


MaybeCaller = Annotated[Principal | None, Depends(maybe_caller)]

AskedCompany = Annotated[int | None, Query(ge=1, le=MAX_ID)]


def own_or_named(who: Principal, company_id: int | None) -> int | None:
    """The caller's own company, of which he names no other; for a platform admin the one that is named, or none.

    This is the tenant filter's one source. Raises `NotFoundError`.
    """
    if who.role is Role.PLATFORM_ADMIN:
        return company_id
    if who.company_id is None or company_id not in (None, who.company_id):
        raise NotFoundError("there is no such company")
    return who.company_id


def company(who: Caller, company_id: AskedCompany = None) -> int:
    """The company asked about; raises `InvalidError` where a platform admin names none."""
    found = own_or_named(who, company_id)
    if found is None:
        raise InvalidError("a platform admin names the company: ?company_id=", field="company_id")
    return found


CompanyId = Annotated[int, Depends(company)]


def operator(who: Caller) -> Principal:
    """Raises `ForbiddenError` for viewers."""
    if not who.may_command:
        raise ForbiddenError("viewers may look, not command")
    return who


def admin(who: Caller) -> Principal:
    """Raises `ForbiddenError` for operators and viewers."""
    if not who.may_administer:
        raise ForbiddenError("this is an admin's to do")
    return who


Operator = Annotated[Principal, Depends(operator)]
Admin = Annotated[Principal, Depends(admin)]


def person_id(who: Caller) -> int:
    """Raises `ForbiddenError` for API keys: a key makes no other one, and nobody who would outlive it."""
    if who.user_id is None:
        raise ForbiddenError("an API key cannot do this; a person has to")
    return who.user_id


PersonId = Annotated[int, Depends(person_id)]


def person_admin(who: Admin, _user_id: PersonId) -> Principal:
    """Raises `ForbiddenError` for operators, viewers and API keys."""
    return who


def platform_admin(who: Caller) -> Principal:
    """Raises `ForbiddenError` for everybody in a company."""
    if who.role is not Role.PLATFORM_ADMIN:
        raise ForbiddenError("this is the platform admin's to do")
    return who


PersonAdmin = Annotated[Principal, Depends(person_admin)]
PlatformAdmin = Annotated[Principal, Depends(platform_admin)]


def address(connection: HTTPConnection) -> str:
    """Where the request comes from; behind a proxy that is trusted, what the proxy says."""
    return connection.client.host if connection.client else ""


Address = Annotated[str, Depends(address)]
PageLimit = Annotated[int, Query(ge=1, le=1000)]
NumberCursor = Annotated[int, Query(ge=0, le=MAX_ID)]
