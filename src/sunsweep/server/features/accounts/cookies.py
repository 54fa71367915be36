"""A browser's login: cookies that no script can read, and that go to nobody but us."""

from typing import Final

from fastapi import Response

from sunsweep.server.features.accounts.renewal import Login
from sunsweep.server.features.requests import COOKIE
from sunsweep.server.features.services import Services

REFRESH_COOKIE: Final = "sunsweep_refresh"
_REFRESH_PATH: Final = "/api/v1/auth"


def set_cookies(held: Services, response: Response, login: Login) -> None:
    _set(held, response, COOKIE, login.access, held.tokens.lifetime_s, "/")
    _set(held, response, REFRESH_COOKIE, login.refresh, held.tokens.refresh_s, _REFRESH_PATH)


def take_away(held: Services, response: Response) -> None:
    secure = held.settings.cookie_secure
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=secure)
    response.delete_cookie(REFRESH_COOKIE, path=_REFRESH_PATH, httponly=True, samesite="strict", secure=secure)


def _set(held: Services, response: Response, name: str, value: str, lasts_s: int, path: str) -> None:
    secure = held.settings.cookie_secure
    response.set_cookie(name, value, max_age=lasts_s, path=path, httponly=True, samesite="strict", secure=secure)
