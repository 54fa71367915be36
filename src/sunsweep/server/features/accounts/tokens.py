"""Access tokens: signed, short, and worthless once their user is disabled or has a new token version."""

from typing import Final, NamedTuple

import jwt

from sunsweep.server.errors import UnauthenticatedError

_ALGORITHM: Final = "HS256"
REFRESH_S: Final = 30 * 86_400


class Claims(NamedTuple):
    user_id: int
    version: int


class Tokens:
    """Issues and reads them; the clock is handed in as ms since 1970. `refresh_s`: how long they can be renewed."""

    def __init__(self, secret: str, *, lifetime_s: int, refresh_s: int = REFRESH_S) -> None:
        self._secret = secret
        self.lifetime_s = lifetime_s
        self.refresh_s = refresh_s

    def issue(self, claims: Claims, *, now_ms: int) -> str:
        now_s = now_ms // 1000
        body = {"sub": str(claims.user_id), "ver": claims.version, "iat": now_s, "exp": now_s + self.lifetime_s}
        return jwt.encode(body, self._secret, algorithm=_ALGORITHM)

    def read(self, token: str) -> Claims:
        """Raises `UnauthenticatedError`."""
        try:
            body = jwt.decode(token, self._secret, algorithms=[_ALGORITHM], options={"require": ["sub", "exp", "ver"]})
            return Claims(int(body["sub"]), int(body["ver"]))
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise UnauthenticatedError("the access token is missing, bad or expired") from error
