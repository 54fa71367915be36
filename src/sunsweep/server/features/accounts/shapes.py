"""Companies, people and API keys as REST shows and takes them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sunsweep.contract.times import iso
from sunsweep.server.db.models import ApiKey, Company, User
from sunsweep.server.db.types import MAX_ID
from sunsweep.server.features.accounts.keys import MAX_DAYS
from sunsweep.server.features.accounts.renewal import Login
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.accounts.tokens import Tokens

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Email = Annotated[str, StringConstraints(min_length=3, max_length=254)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Number = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]


class Strict(BaseModel):
    """A body in which nothing else may stand."""

    model_config = ConfigDict(extra="forbid")


class Token(BaseModel):
    """An access token (RFC 6749, section 5.1), and what renews it: good once."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105  the scheme's name
    expires_in: int
    """Seconds."""
    refresh_token: str
    refresh_expires_in: int
    """Seconds."""


class Renewal(Strict):
    refresh_token: Secret


class NewPassword(Strict):
    old: Secret
    new: Secret


class ResetWish(Strict):
    email: Email


class ResetConfirmation(Strict):
    token: Secret
    password: Secret


class ResetLink(BaseModel):
    """With it the user sets a password, once; shown in this answer only."""

    reset_link: str
    reset_expires_at: str


class Me(BaseModel):
    """A person, or an API key, which has no user."""

    user_id: int | None
    email: str | None
    key_id: int | None
    role: str
    company_id: int | None
    company: str | None


class NewUser(Strict):
    """`company_id` is the caller's own by default; a platform admin names it, or none for a platform admin."""

    email: Email
    role: Role
    company_id: Number | None = None


class UserChange(Strict):
    role: Role | None = None
    disabled: bool | None = None


class UserOut(BaseModel):
    user_id: int
    email: str
    role: str
    company_id: int | None
    disabled_at: str | None
    created_at: str


class NewUserOut(UserOut, ResetLink):
    """A new user, and the link with which the password is set."""


class UserPage(BaseModel):
    items: list[UserOut]
    next_cursor: str | None


class NewCompany(Strict):
    name: Name


class CompanyChange(Strict):
    """`raw_retention_days` and `command_life_s` (how long a start-like command may wait): null is the platform's.

    `custom_commands`: commands that no catalogue names may be given too.
    """

    name: Name | None = None
    raw_retention_days: Annotated[int, Field(strict=True, ge=1, le=36_500)] | None = None
    command_life_s: Annotated[int, Field(strict=True, ge=30, le=604_800)] | None = None
    custom_commands: Annotated[bool, Field(strict=True)] = False


class CompanyOut(BaseModel):
    company_id: int
    name: str
    raw_retention_days: int | None
    command_life_s: int | None
    custom_commands: bool
    created_at: str


class CompanyPage(BaseModel):
    items: list[CompanyOut]
    next_cursor: str | None


class NewApiKey(Strict):
    name: Name
    role: Literal[Role.VIEWER, Role.OPERATOR, Role.ADMIN]
    expires_in_days: Annotated[int, Field(strict=True, ge=1, le=MAX_DAYS)]


class ApiKeyOut(BaseModel):
    key_id: int
    company_id: int
    name: str
    role: str
    created_by: int
    created_at: str
    expires_at: str
    used_at: str | None
    """To the minute."""
    revoked_at: str | None


class NewApiKeyOut(ApiKeyOut):
    """The key is shown this once."""

    key: str


class ApiKeyPage(BaseModel):
    items: list[ApiKeyOut]
    next_cursor: str | None


def token_out(login: Login, tokens: Tokens) -> Token:
    return Token(
        access_token=login.access,
        expires_in=tokens.lifetime_s,
        refresh_token=login.refresh,
        refresh_expires_in=tokens.refresh_s,
    )


def user_out(user: User) -> UserOut:
    return UserOut(
        user_id=user.id,
        email=user.email,
        role=user.role,
        company_id=user.company_id,
        disabled_at=_instant(user.disabled_at),
        created_at=iso(user.created_at),
    )


def company_out(company: Company) -> CompanyOut:
    return CompanyOut(
        company_id=company.id,
        name=company.name,
        raw_retention_days=company.raw_retention_days,
        command_life_s=company.command_life_s,
        custom_commands=company.custom_commands,
        created_at=iso(company.created_at),
    )


def key_out(key: ApiKey) -> ApiKeyOut:
    return ApiKeyOut(
        key_id=key.id,
        company_id=key.company_id,
        name=key.name,
        role=key.role,
        created_by=key.created_by,
        created_at=iso(key.created_at),
        expires_at=iso(key.expires_at),
        used_at=_instant(key.used_at),
        revoked_at=_instant(key.revoked_at),
    )


def _instant(at: int | None) -> str | None:
    return None if at is None else iso(at)
