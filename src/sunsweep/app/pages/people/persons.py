"""People and API keys as the API lists them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sunsweep.app.figures.times import instant

GIVEABLE: Final = ("viewer", "operator", "admin")
"""Roles that a company's admin gives, the weakest first."""
KEY_DAYS: Final = (30, 90, 365)
"""How long a new key may live."""


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    email: str
    role: str
    disabled_at: str | None
    created_at: str


def person(item: Mapping[str, Any]) -> Person:
    """An item of `GET /users`."""
    return Person(item["user_id"], item["email"], item["role"], item["disabled_at"], item["created_at"])


@dataclass(frozen=True, slots=True)
class Key:
    id: int
    name: str
    role: str
    expires_at: str
    used_at: str | None
    revoked_at: str | None

    def is_good(self, now: datetime) -> bool:
        return self.revoked_at is None and instant(self.expires_at) > now


def key(item: Mapping[str, Any]) -> Key:
    """An item of `GET /api-keys`."""
    return Key(item["key_id"], item["name"], item["role"], item["expires_at"], item["used_at"], item["revoked_at"])


def in_order(persons: list[Person]) -> list[Person]:
    """Who can sign in first, each part by its address."""
    return sorted(persons, key=lambda one: (one.disabled_at is not None, one.email))


def keys_in_order(keys: list[Key], now: datetime) -> list[Key]:
    """Those that open something first, the newest on top."""
    return sorted(keys, key=lambda one: (not one.is_good(now), -one.id))
