"""What people and keys may do, in words."""

from typing import Final

from sunsweep.app.words import N_, gettext, isolate

ROLES: Final[dict[str, str]] = {
    "viewer": N_("Viewer"),
    "operator": N_("Operator"),
    "admin": N_("Admin"),
    "platform_admin": N_("Platform admin"),
}
RIGHTS: Final[dict[str, str]] = {
    "viewer": N_("Looks at everything, changes nothing"),
    "operator": N_("Also gives commands"),
    "admin": N_("Also adds machines, people and keys"),
}
"""Of the roles that a company gives, each in one line."""


def role_words(role: str) -> str:
    """In the language in use."""
    message = ROLES.get(role)
    return gettext(message) if message else isolate(role)


def rights_words(role: str) -> str:
    """What the role may do; empty for one that no company gives."""
    message = RIGHTS.get(role)
    return gettext(message) if message else ""
