"""Passwords of people: argon2id, in a thread, as it is slow by design. Machines' passwords are another matter."""

import asyncio
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sunsweep.server.errors import InvalidError

_HASHER: Final = PasswordHasher()
MIN_CHARS: Final = 12
MAX_CHARS: Final = 256


async def hash_password(password: str) -> str:
    return await asyncio.to_thread(_HASHER.hash, password)


async def verify_password(password_hash: str, password: str) -> bool:
    try:
        return await asyncio.to_thread(_HASHER.verify, password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def generate_password() -> str:
    """A password to hand to a person."""
    return secrets.token_urlsafe(12)


def require_good(password: str, email: str, *, field: str) -> None:
    """Raises `InvalidError` for one that a person may not choose."""
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise InvalidError(f"a password has {MIN_CHARS} to {MAX_CHARS} characters", field=field)
    if password.strip().lower() == email:
        raise InvalidError("the e-mail address is no password", field=field)
