"""Why a message is not taken: a closed list, the same words in dead letters, receipts and metrics."""

from enum import StrEnum


class Reason(StrEnum):
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    BAD_FIELD = "bad_field"
    NUMBERED_WITHOUT_TS = "numbered_without_ts"
    CLOCK_AHEAD = "clock_ahead"
    TOO_LATE = "too_late"
    BAD_TOPIC = "bad_topic"
    UNKNOWN_MACHINE = "unknown_machine"
    WRONG_COMPANY = "wrong_company"
    BAD_VALUE = "bad_value"
    """The database refused a value that the contract allows."""


class Refused(Exception):  # noqa: N818  a refusal is an outcome, not an error of ours
    """A message that is not taken.

    `numbered` is its (boot, seq) where these could still be read, so that the machine can be told.
    """

    def __init__(self, reason: Reason, detail: str = "", *, numbered: tuple[int, int] | None = None) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.numbered = numbered

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)
