"""Who may do what."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    PLATFORM_ADMIN = "platform_admin"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"

    def may_give(self, role: "Role") -> bool:
        """Whether `role` is no more than this one."""
        order = tuple(Role)
        return order.index(self) <= order.index(role)


class Principal(msgspec.Struct, frozen=True):
    """Who is asking: a person, or a program with an API key.

    `company_id` is None for a platform admin, who names the company.
    """

    user_id: int | None
    """None for a key."""
    email: str
    """The key's name for a key."""
    role: Role
    company_id: int | None
    token_version: int
    """Of the login; when the user's own is another, the login has ended. 0 for a key."""
    key_id: int | None = None

    @property
    def may_command(self) -> bool:
        return self.role is not Role.VIEWER

    @property
    def may_administer(self) -> bool:
        return self.role in (Role.PLATFORM_ADMIN, Role.ADMIN)
