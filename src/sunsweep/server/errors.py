"""What may go wrong and whose turn it is: each error carries its HTTP status and a stable code (RFC 9457)."""

from http import HTTPStatus
from typing import Any, Final

PROBLEM: Final = "application/problem+json"


class SunsweepError(Exception):
    """Root of the errors that a caller is told of."""

    status = 500
    code = "internal"

    def __init__(self, detail: str, **fields: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields

    def problem(self) -> dict[str, Any]:
        """The problem document of RFC 9457."""
        title = self.code.replace("_", " ").capitalize()
        kind = f"urn:sunsweep:problem:{self.code}"
        return {
            "type": kind,
            "title": title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.fields,
        }


class UnauthenticatedError(SunsweepError):
    status = 401
    code = "unauthenticated"


class ForbiddenError(SunsweepError):
    status = 403
    code = "forbidden"


class NotFoundError(SunsweepError):
    """It does not exist, or is not yours: the answer is the same."""

    status = 404
    code = "not_found"


class ConflictError(SunsweepError):
    status = 409
    code = "conflict"


class MachineDisabledError(ConflictError):
    code = "machine_disabled"


class InvalidError(SunsweepError):
    """A value that cannot be; `field` names it."""

    status = 422
    code = "invalid"


class TooManyTriesError(SunsweepError):
    """`retry_after_s` says when to come again."""

    status = 429
    code = "too_many_tries"


class UnavailableError(SunsweepError):
    status = 503
    code = "unavailable"


class FrameworkError(SunsweepError):
    """What the web framework refuses by itself: no such route, method not allowed, no JSON."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        # Python's own name of it has changed.
        self.code = "too_large" if status == 413 else HTTPStatus(status).name.lower()
