"""The second confirmation of a bulk start: a dry run hands it out, for exactly what it has shown. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import jwt
from msgspec import json

from sunsweep.server.errors import ConflictError

LIFE_S: Final = 300
_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "sunsweep-bulk"
"""An access token is signed with the same secret, and has none."""


class ConfirmationNeededError(ConflictError):
    """A dry run hands it out."""

    code = "confirmation_needed"


class MachinesChangedError(ConflictError):
    """What was confirmed is not what would happen."""

    code = "machines_changed"


class Confirmed(NamedTuple):
    """What a confirmation says. `run_id`: the one run it is good for, so that giving it twice begins one run."""

    run_id: str
    expires_ms: int
    machines: str

    def require(self, machine_ids: Iterable[int], *, now_ms: int) -> None:
        """Raises `ConfirmationNeededError`, `MachinesChangedError`."""
        if now_ms >= self.expires_ms:
            raise ConfirmationNeededError("the confirmation has run out; look at a new dry run")
        if self.machines != _machines(machine_ids):
            raise MachinesChangedError("the filter means other machines than in the dry run; look at a new one")


def issue(secret: str, terms: Mapping[str, Any], machine_ids: Iterable[int], *, run_id: str, now_ms: int) -> str:
    """`terms` is JSON: who, for whom, and all that was asked for."""
    body = {
        "aud": _AUDIENCE,
        "jti": run_id,
        "exp": now_ms // 1000 + LIFE_S,
        "terms": _digest(terms),
        "machines": _machines(machine_ids),
    }
    return jwt.encode(body, secret, algorithm=_ALGORITHM)


def read(secret: str, token: str | None, terms: Mapping[str, Any]) -> Confirmed:
    """Ours, and for these terms; raises `ConfirmationNeededError`."""
    if not token:
        raise ConfirmationNeededError("this sets many machines in motion: ask with dry_run, then send its confirmation")
    try:
        body = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            options={"require": ["jti", "exp", "terms", "machines"], "verify_exp": False},
        )
    except jwt.InvalidTokenError as error:
        raise ConfirmationNeededError("this is no confirmation of ours; ask with dry_run") from error
    if body["terms"] != _digest(terms):
        raise ConfirmationNeededError("the confirmation is for something else, or somebody else's; ask with dry_run")
    return Confirmed(body["jti"], body["exp"] * 1000, body["machines"])


def _machines(machine_ids: Iterable[int]) -> str:
    return _digest(sorted(machine_ids))


def _digest(thing: Any) -> str:
    return hashlib.sha256(json.encode(thing, order="sorted")).hexdigest()
