"""What can be done, in the words of the audit log."""

from enum import StrEnum


class Action(StrEnum):
    """A closed list: people filter by these words."""

    LOGIN = "login"
    LOGIN_RENEW = "login.renew"
    LOGOUT = "logout"
    COMPANY_ADD = "company.add"
    COMPANY_CHANGE = "company.change"
    API_KEY_ADD = "api_key.add"
    API_KEY_REVOKE = "api_key.revoke"
    USER_ADD = "user.add"
    USER_CHANGE = "user.change"
    USER_ENABLE = "user.enable"
    USER_LINK = "user.link"
    USER_DISABLE = "user.disable"
    USER_PASSWORD = "user.password"  # noqa: S105  no password
    USER_TOKEN = "user.token"  # noqa: S105  no token
    ACCOUNT_SET = "account.set"
    MACHINE_ADD = "machine.add"
    MACHINE_CHANGE = "machine.change"
    MACHINE_DELETE = "machine.delete"
    MACHINE_MOVE = "machine.move"
    MACHINE_ROTATE = "machine.rotate"
    MACHINE_CODE = "machine.code"
    MACHINE_LOGIN_USED = "machine.login_used"
    MACHINE_LOGIN_ENDED = "machine.login_ended"
    MACHINE_ENROL = "machine.enrol"
    MODEL_SET = "machine_model.set"
    MODEL_DELETE = "machine_model.delete"
    COMMAND_GIVE = "command.give"
    COMMAND_CANCEL = "command.cancel"
    COMMAND_CLOSE = "command.close"
    COMMAND_BULK = "command.bulk"
    COMMAND_ABORT = "command.abort"
    DEAD_LETTER_REPLAY = "dead_letter.replay"
    BROKER_LOGIN = "broker.login"
    DATABASE_RESTORE = "database.restore"
    APP_ERROR = "app.error"
    LEFT_OUT = "refusals.left_out"


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
