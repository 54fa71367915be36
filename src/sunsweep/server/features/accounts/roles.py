"""Who may do what."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    PLATFORM_ADMIN = "platform_admin"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


class Principal(msgspec.Struct, frozen=True):
    """Who is asking. `company_id` is None for a platform admin, who names the company."""

    user_id: int
    email: str
    role: Role
    company_id: int | None
    token_version: int
    """Of the login; when the user's own is another, the login has ended."""

    @property
    def may_command(self) -> bool:
        return self.role is not Role.VIEWER

    @property
    def may_administer(self) -> bool:
        return self.role in (Role.PLATFORM_ADMIN, Role.ADMIN)
