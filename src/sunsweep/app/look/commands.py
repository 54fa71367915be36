"""Commands in words: what was ordered, how far it has come, and why."""

import re
from typing import Final

from sunsweep.app.look.statuses import status_words
from sunsweep.app.words import N_, _, gettext, isolate
from sunsweep.contract.commands import CommandState, Order, is_stop_like

_ORDERS: Final[dict[str, str]] = {
    Order.START_CLEANING: N_("Start cleaning"),
    Order.STOP_CLEANING: N_("Stop cleaning"),
    Order.RETURN_TO_DOCK: N_("Return to dock"),
    Order.EMERGENCY_STOP: N_("Emergency stop"),
    Order.PAUSE: N_("Pause"),
    Order.RESUME: N_("Resume"),
    Order.RESET: N_("Reset"),
    Order.CONFIGURE: N_("Change settings"),
}
_STATES: Final[dict[str, str]] = {
    CommandState.QUEUED: N_("Waiting"),
    CommandState.SENT: N_("Sent"),
    CommandState.ACCEPTED: N_("Accepted"),
    CommandState.RUNNING: N_("Running"),
    CommandState.SUCCEEDED: N_("Done"),
    CommandState.FAILED: N_("Failed"),
    CommandState.REJECTED: N_("Refused by the machine"),
    CommandState.EXPIRED: N_("Expired"),
    CommandState.CANCELLED: N_("Cancelled"),
    CommandState.UNCONFIRMED: N_("Not confirmed"),
}

WAITS_FOR_MACHINE: Final = "the machine is not connected; waiting for it"
WAITS_FOR_BROKER: Final = "the broker cannot be reached; waiting for it"

REASONS: Final[dict[str, str]] = {
    # The platform's own words.
    WAITS_FOR_MACHINE: N_("the machine is not connected"),
    WAITS_FOR_BROKER: N_("the message broker cannot be reached"),
    "not sent in time": N_("it could not be sent in time"),
    "held back before it went out; it waits again": N_("it was held back before it went out, and waits again"),
    "sent, and nothing that the machine has said since proves that it was done": N_(
        "it was sent, and nothing that the machine has said since proves that it was done"
    ),
    "begun, and the machine has not said how it ended": N_("begun, and the machine has not said how it ended"),
    "delivered; this machine does not answer, and no status proves this command": N_(
        "delivered; this machine does not answer commands, and no state proves this one"
    ),
    "the machine has been removed": N_("the machine has been removed"),
    "cancelled by a person": N_("a person took it back"),
    "its bulk run was aborted": N_("its run over many machines was ended"),
    # Codes of the machine's program: why it would not, or could not.
    "malformed": N_("the machine could not read it"),
    "retained": N_("the broker had kept it, and nobody knows how old it is"),
    "unknown_command": N_("the machine does not know this command"),
    "superseded": N_("a stronger stop was ordered after it"),
    "expired": N_("its time had passed when it arrived"),
    "older_than_stop": N_("a stop was ordered after it"),
    "too_old": N_("the machine may have carried it out before"),
    "restarted": N_("the machine's program was started again meanwhile"),
    "bad_parameter": N_("a parameter is wrong"),
    "illegal_move": N_("not possible in the machine's present state"),
    "interlock": N_("the machine's safety limits do not allow it"),
    "hardware": N_("the hardware did not do it"),
    # What broke a command off that was under way.
    "working": N_("the machine began to work"),
    "supplies_low": N_("battery or water ran low"),
    "overheated": N_("the machine became too hot"),
    "link_lost": N_("the machine lost its connection and went home"),
    "link_lost_stop": N_("the machine lost its connection and stopped"),
    "row_done": N_("the row is clean"),
    "arrived": N_("the machine arrived at its dock"),
    "sun_charges": N_("the sun charges the battery"),
    "charge_ended": N_("charging ended"),
    "broke": N_("the machine has a fault"),
    "emergency_button": N_("the emergency stop button was pressed"),
}
_BY_ANOTHER: Final = re.compile(r"(?:overtaken|superseded) by (?P<command>[\w.-]+)")
_CLOSED: Final = re.compile(r"closed by (?P<person>.+)")
_PROVED: Final = re.compile(r'its status (?:is|became) "(?P<status>.*)"')


def order_words(command: str) -> str:
    """What was ordered; a model's own command by the name it has in its catalogue."""
    message = _ORDERS.get(command)
    return gettext(message) if message else isolate(command)


def state_words(state: str) -> str:
    """How far it has come, in a word or two."""
    message = _STATES.get(state)
    return gettext(message) if message else isolate(state)


def reason_words(reason: str) -> str:
    """Why; what no table knows stands as it came, for a machine of another make has words of its own."""
    if message := REASONS.get(reason):
        return gettext(message)
    if reason in _ORDERS:
        return _("{command} was ordered after it").format(command=order_words(reason))
    if found := _BY_ANOTHER.fullmatch(reason):
        return _("{command} was ordered after it").format(command=order_words(found["command"]))
    if found := _CLOSED.fullmatch(reason):
        return _("closed by {person}").format(person=isolate(found["person"]))
    if found := _PROVED.fullmatch(reason):
        return _("the machine's state is {status}").format(status=status_words(found["status"]))
    return isolate(reason)


def story(command: str, state: str, reason: str = "", *, offline: str = "") -> str:
    """One line that says what is known and from whom, and calls hoped what is hoped.

    `offline` is the text of `figures.ages.since` where the machine is offline, and empty where it is not.
    """
    stop = is_stop_like(command)
    if state == CommandState.QUEUED:
        return _waiting(reason, stop=stop, offline=offline)
    if state == CommandState.SENT:
        return _("Stop sent, not confirmed yet") if stop else _("Sent, no answer yet")
    if state in _SAID_BY_MACHINE and not reason:
        return gettext(_SAID_BY_MACHINE[state])
    words = state_words(state)
    return _("{state}: {reason}").format(state=words, reason=reason_words(reason)) if reason else words


_SAID_BY_MACHINE: Final[dict[str, str]] = {
    CommandState.ACCEPTED: N_("Accepted, said the machine"),
    CommandState.RUNNING: N_("Running, said the machine"),
    CommandState.SUCCEEDED: N_("Done, said the machine"),
    CommandState.FAILED: N_("Failed, said the machine"),
    CommandState.REJECTED: N_("Refused, said the machine"),
}


def _waiting(reason: str, *, stop: bool, offline: str) -> str:
    if offline and stop:
        return _("Waiting for the machine, offline {since}; the stop is sent first").format(since=offline)
    if offline:
        return _("Waiting for the machine, offline {since}").format(since=offline)
    if reason == WAITS_FOR_MACHINE:
        return _("Waiting for the machine to connect")
    return _("Waiting: {reason}").format(reason=reason_words(reason)) if reason else _("Waiting to be sent")
