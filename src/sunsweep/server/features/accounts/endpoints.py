"""Login, renewal, logout, passwords, and who am I."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response
from fastapi.security import OAuth2PasswordRequestForm
from pydantic import ValidationError

from sunsweep.server.errors import ForbiddenError, InvalidError, UnauthenticatedError
from sunsweep.server.features.accounts import renewal, repository, reset, service
from sunsweep.server.features.accounts.cookies import REFRESH_COOKIE, set_cookies, take_away
from sunsweep.server.features.accounts.mail import Mailer
from sunsweep.server.features.accounts.service import Attempt
from sunsweep.server.features.accounts.shapes import (
    Me,
    NewPassword,
    Renewal,
    ResetConfirmation,
    ResetWish,
    Token,
    token_out,
)
from sunsweep.server.features.answers import refusals
from sunsweep.server.features.audit.trail import AuditTrail, Trail
from sunsweep.server.features.requests import Address, Caller, PersonId, ServicesOf, bearer

router = APIRouter(tags=["accounts"])

LoginForm = Annotated[OAuth2PasswordRequestForm, Depends()]

_RENEWAL_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "none where the browser's cookie says it",
        "content": {
            kind: {"schema": Renewal.model_json_schema()}
            for kind in ("application/json", "application/x-www-form-urlencoded")
        },
    }
}
_BY_COOKIE: dict[int | str, dict[str, Any]] = {204: {"description": "The same by cookie: new cookies, and no body."}}


@router.post("/auth/token", responses=refusals(401, 429))
async def token(form: LoginForm, held: ServicesOf, address: Address, trail: AuditTrail) -> Token:
    """Log in with e-mail address and password."""
    return token_out(await _log_in(form, held, address, trail), held.tokens)


@router.post("/auth/session", status_code=204, responses=refusals(401, 429))
async def session(form: LoginForm, held: ServicesOf, address: Address, trail: AuditTrail, response: Response) -> None:
    """Log a browser in: the same form, cookies that scripts cannot read instead of tokens."""
    set_cookies(held, response, await _log_in(form, held, address, trail))


async def _log_in(form: OAuth2PasswordRequestForm, held: ServicesOf, address: str, trail: Trail) -> renewal.Login:
    trail.logging_in(form.username)
    attempt = Attempt(form.username, form.password, address)
    return await service.log_in(
        held.database, held.tokens, held.login_gate, attempt, note=trail.logged_in, now_ms=held.now_ms
    )


@router.post(
    "/auth/refresh",
    response_model=Token,
    responses=_BY_COOKIE | refusals(400, 401, 403, 422),
    openapi_extra=_RENEWAL_BODY,
)
async def refresh(request: Request, held: ServicesOf, trail: AuditTrail) -> Token | Response:
    """Renew a login. Each refresh token is good once; a second use ends the login it belongs to."""
    given = await _given(request)
    by_cookie = given is None
    if given is None and (given := request.cookies.get(REFRESH_COOKIE)) and "x-requested-with" not in request.headers:
        raise ForbiddenError("writes with the login cookie need the header X-Requested-With")
    if not given:
        raise UnauthenticatedError("log in first: no refresh token was given")
    login = await renewal.renew(held.database, held.tokens, given, note=trail.logged_in, now_ms=held.now_ms())
    return _answer(held, login, by_cookie=by_cookie)


async def _given(request: Request) -> str | None:
    """The refresh token of the body, JSON or form; None where there is no body."""
    body = await request.body()
    if not body:
        return None
    try:
        if request.headers.get("content-type", "").lower().startswith("application/json"):
            return Renewal.model_validate(msgspec.json.decode(body)).refresh_token
        async with request.form() as form:  # a file in it is closed
            return Renewal.model_validate(dict(form)).refresh_token
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValidationError) as error:
        raise InvalidError("the body is refresh_token and nothing else", field="refresh_token") from error


def _answer(held: ServicesOf, login: renewal.Login, *, by_cookie: bool) -> Token | Response:
    if not by_cookie:
        return token_out(login, held.tokens)
    response = Response(status_code=204)
    set_cookies(held, response, login)
    return response


@router.post("/auth/logout", status_code=204)
async def logout(who: Caller, user_id: PersonId, held: ServicesOf, trail: AuditTrail, response: Response) -> None:
    """End every login of the caller."""
    async with held.database.write() as unit:
        await repository.end_logins(unit, user_id)
        await trail.done(unit, f"user {who.email}", company_id=who.company_id)
    take_away(held, response)


@router.post("/auth/password", response_model=Token, responses=_BY_COOKIE | refusals(429))
async def password(
    wish: NewPassword,
    who: Caller,
    _user_id: PersonId,
    request: Request,
    held: ServicesOf,
    address: Address,
    trail: AuditTrail,
) -> Token | Response:
    """Set a new password: ends every login of the caller, and answers a new one."""
    attempt = Attempt(who.email, wish.old, address)
    login = await service.change_password(
        held.database, held.tokens, held.login_gate, attempt, wish.new, note=trail.logged_in, now_ms=held.now_ms
    )
    return _answer(held, login, by_cookie=bearer(request) is None)


@router.post("/auth/reset", status_code=202)
async def ask_reset(
    wish: ResetWish, held: ServicesOf, address: Address, trail: AuditTrail, later: BackgroundTasks
) -> None:
    """Have a link mailed with which a new password can be set. The answer is the same for whoever is not known."""
    if held.settings.smtp_url is None:
        return
    mailer = Mailer(held.settings.smtp_url.get_secret_value(), held.settings.mail_from)
    later.add_task(
        reset.mail_link,
        held.database,
        mailer,
        held.reset_gate,
        wish.email,
        address,
        held.settings.link_base,
        note=trail.asked_for,
        now_ms=held.now_ms,
    )


@router.post("/auth/reset/confirm", responses=refusals(404, 429))
async def confirm_reset(wish: ResetConfirmation, held: ServicesOf, trail: AuditTrail) -> Token:
    """Spend a link for a new password: ends every login of its user, and answers a new one."""
    login = await reset.confirm(
        held.database, held.tokens, held.login_gate, wish.token, wish.password, note=trail.logged_in, now_ms=held.now_ms
    )
    return token_out(login, held.tokens)


@router.get("/me")
async def me(who: Caller, held: ServicesOf) -> Me:
    """The caller."""
    name = None
    if who.company_id is not None:
        async with held.database.read() as unit:
            found = await repository.company_by_id(unit, who.company_id)
            name = found.name if found else None
    return Me(
        user_id=who.user_id,
        email=None if who.user_id is None else who.email,
        key_id=who.key_id,
        role=who.role,
        company_id=who.company_id,
        company=name,
    )
