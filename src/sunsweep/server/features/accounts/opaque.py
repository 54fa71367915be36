"""Random secrets that are shown once and kept as their hash: renewals of logins, reset links, API keys."""

import hashlib
import secrets
from typing import Final

KEY_PREFIX: Final = "ssk_"
"""Tells an API key from an access token."""
_BYTES: Final = 32


def draw(prefix: str = "") -> str:
    """256 random bits."""
    return prefix + secrets.token_urlsafe(_BYTES)


def digest(text: str) -> str:
    """What is stored. It is random: a slow hash would add nothing."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
