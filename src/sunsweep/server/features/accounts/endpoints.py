"""Login, logout and who am I."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import OAuth2PasswordRequestForm
from pydantic import BaseModel

from sunsweep.server.features.accounts import repository, service
from sunsweep.server.features.requests import COOKIE, Caller, ServicesOf, by_https

router = APIRouter(tags=["accounts"])

LoginForm = Annotated[OAuth2PasswordRequestForm, Depends()]


class Token(BaseModel):
    """An access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105  the scheme's name
    expires_in: int
    """Seconds."""


class Me(BaseModel):
    user_id: int
    email: str
    role: str
    company_id: int | None
    company: str | None


@router.post("/auth/token")
async def token(form: LoginForm, held: ServicesOf) -> Token:
    """Log in with e-mail address and password."""
    _, access = await service.log_in(held.database, held.tokens, form.username, form.password, now_ms=held.now_ms())
    return Token(access_token=access, expires_in=held.tokens.lifetime_s)


@router.post("/auth/session", status_code=204)
async def session(form: LoginForm, held: ServicesOf, request: Request, response: Response) -> None:
    """Log a browser in: the same form, a cookie that scripts cannot read instead of a token."""
    _, access = await service.log_in(held.database, held.tokens, form.username, form.password, now_ms=held.now_ms())
    response.set_cookie(
        COOKIE,
        access,
        max_age=held.tokens.lifetime_s,
        httponly=True,
        samesite="strict",
        secure=held.settings.cookie_secure or by_https(request),
    )


@router.post("/auth/logout", status_code=204)
async def logout(who: Caller, held: ServicesOf, request: Request, response: Response) -> None:
    """End every login of the caller."""
    async with held.database.write() as unit:
        await repository.end_logins(unit, who.user_id)
    response.delete_cookie(
        COOKIE, httponly=True, samesite="strict", secure=held.settings.cookie_secure or by_https(request)
    )


@router.get("/me")
async def me(who: Caller, held: ServicesOf) -> Me:
    """The caller."""
    name = None
    if who.company_id is not None:
        async with held.database.read() as unit:
            found = await repository.company_by_id(unit, who.company_id)
            name = found.name if found else None
    return Me(user_id=who.user_id, email=who.email, role=who.role, company_id=who.company_id, company=name)
