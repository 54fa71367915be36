"""Who does something, and from where."""

from enum import StrEnum

import msgspec

from sunsweep.server.db.models import Machine, User
from sunsweep.server.features.accounts.roles import Principal


class Kind(StrEnum):
    USER = "user"
    API_KEY = "api_key"
    MACHINE = "machine"
    COMMAND_LINE = "command_line"
    NOBODY = "nobody"
    """Without a login, or the platform by itself."""


class Actor(msgspec.Struct, frozen=True):
    """`name` is what it was called then: an e-mail address, a key's name, a serial; `address` its network address."""

    kind: Kind
    id: int | None
    name: str
    address: str


def of_principal(who: Principal, address: str) -> Actor:
    """The actor that a login stands for."""
    if who.key_id is not None:
        return Actor(Kind.API_KEY, who.key_id, who.email, address)
    return Actor(Kind.USER, who.user_id, who.email, address)


def nobody(address: str, *, tried: str = "") -> Actor:
    """Who has not logged in; `tried` is the e-mail address that was given."""
    # Passwords are typed into the wrong field now and then; they have seldom both signs of an address.
    is_address = "@" in tried and "." in tried.rpartition("@")[2]
    return Actor(Kind.NOBODY, None, tried.strip().lower() if is_address else "", address)


def of_user(user: User, address: str) -> Actor:
    """Who has just shown who they are."""
    return Actor(Kind.USER, user.id, user.email, address)


def of_machine(machine: Machine, address: str) -> Actor:
    """A machine that has shown what only it can have."""
    return Actor(Kind.MACHINE, machine.id, machine.serial, address)
