"""How a login is carried: by cookies that no script sees, or by tokens that a window keeps in memory."""

import json
from typing import TYPE_CHECKING, Any, Final, Protocol

from sunsweep.app.net.errors import failure
from sunsweep.app.net.http import Answer, Http

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = "/api/v1"
SAFE: Final = frozenset({"GET", "HEAD"})
UNAUTHENTICATED: Final = 401


class Login(Protocol):
    """One way to be known to the server."""

    def headers(self, method: str) -> dict[str, str]:
        """What a request carries along."""
        ...

    async def begin(self, http: Http, email: str, password: str) -> Answer:
        """Log in."""
        ...

    async def renew(self, http: Http) -> bool:
        """Whether the login stands, renewed where that was needed; raises `Refused`, `Away`, `UnreachableError`."""
        ...

    def take(self, answer: Answer) -> None:
        """Keep the login that an answer may bring."""
        ...

    def forget(self) -> None:
        """It has ended."""
        ...


class CookieLogin:
    """A browser's; other tabs have the same, so it may have been renewed by one of them."""

    def headers(self, method: str) -> dict[str, str]:
        return {} if method in SAFE else {"x-requested-with": "sunsweep"}

    async def begin(self, http: Http, email: str, password: str) -> Answer:
        form = {"username": email, "password": password}
        return await http.request("POST", f"{ROOT}/auth/session", form=form, headers=self.headers("POST"))

    async def renew(self, http: Http) -> bool:
        standing = await http.request("GET", f"{ROOT}/me")
        if standing.status != UNAUTHENTICATED:
            return True
        return _is_renewed(await http.request("POST", f"{ROOT}/auth/refresh", headers=self.headers("POST")))

    def take(self, answer: Answer) -> None:
        """The browser has."""

    def forget(self) -> None:
        """The server's answer has taken the cookies away."""


class TokenLogin:
    """A window's; it ends with the program."""

    def __init__(self) -> None:
        self._access: str | None = None
        self._refresh: str | None = None

    def headers(self, method: str) -> dict[str, str]:  # noqa: ARG002  as the cookie's
        return {} if self._access is None else {"authorization": f"Bearer {self._access}"}

    async def begin(self, http: Http, email: str, password: str) -> Answer:
        answer = await http.request("POST", f"{ROOT}/auth/token", form={"username": email, "password": password})
        self.take(answer)
        return answer

    async def renew(self, http: Http) -> bool:
        if self._refresh is None:
            return False
        answer = await http.request("POST", f"{ROOT}/auth/refresh", json={"refresh_token": self._refresh})
        self.take(answer)
        return _is_renewed(answer)

    def take(self, answer: Answer) -> None:
        if answer.status == 200:
            found: Mapping[str, Any] = json.loads(answer.body)
            self._access, self._refresh = found["access_token"], found["refresh_token"]

    def forget(self) -> None:
        self._access = self._refresh = None


def _is_renewed(answer: Answer) -> bool:
    """Only a 401 is the end of a login; anything else says nothing of it."""
    if answer.status >= 400 and answer.status != UNAUTHENTICATED:
        raise failure(answer)
    return answer.status < 400
