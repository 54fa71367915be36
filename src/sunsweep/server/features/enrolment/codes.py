"""One-time codes that a person reads from a screen and types on a machine."""

import hashlib
import secrets
from typing import Final

ALPHABET: Final = "23456789CDFHJKMNPQRTVWXY"
"""Nothing that is taken for something else in any hand or font, and no vowels."""
GROUPS: Final = 4
GROUP: Final = 4
"""16 of 24 letters: 73 bits."""
MAX_TYPED: Final = 64


def draw() -> str:
    """A new code, in groups: `4KXR-9WPM-T3HQ-7CDF`."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))


def digest(code: str) -> str:
    """What is stored of a code, however it was typed. It is random and short-lived: a slow hash would add nothing."""
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(letters.encode()).hexdigest()
