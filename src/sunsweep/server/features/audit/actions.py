"""What can be done, in the words of the audit log; and which route does which of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

_MARK: Final = "x-audit-action"


class Action(StrEnum):
    """A closed list: people filter by these words."""

    LOGIN = "login"
    LOGOUT = "logout"
    COMPANY_ADD = "company.add"
    USER_ADD = "user.add"
    USER_DISABLE = "user.disable"
    USER_PASSWORD = "user.password"  # noqa: S105  no password
    USER_TOKEN = "user.token"  # noqa: S105  no token
    MACHINE_ADD = "machine.add"
    MACHINE_CHANGE = "machine.change"
    MACHINE_DELETE = "machine.delete"
    MACHINE_MOVE = "machine.move"
    MACHINE_ROTATE = "machine.rotate"
    MACHINE_CODE = "machine.code"
    MACHINE_ENROL = "machine.enrol"
    COMMAND_GIVE = "command.give"
    COMMAND_CANCEL = "command.cancel"
    DEAD_LETTER_REPLAY = "dead_letter.replay"
    BROKER_LOGIN = "broker.login"
    LEFT_OUT = "refusals.left_out"


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"


def audited(action: Action) -> dict[str, Any]:
    """For a writing route's `openapi_extra`: the entry that it leaves, known also where it is refused unheard."""
    return {_MARK: str(action)}


def action_of(extra: Mapping[str, Any] | None) -> Action | None:
    """What `audited` has marked."""
    return Action(extra[_MARK]) if extra and _MARK in extra else None
