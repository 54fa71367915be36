"""Why something was not taken, in words: the API's problem codes, and the reasons of refused messages."""

from typing import Final

from sunsweep.app.words import N_, gettext, isolate

PROBLEMS: Final[dict[str, str]] = {
    "unauthenticated": N_("Please sign in again"),
    "forbidden": N_("You are not allowed to do this"),
    "not_found": N_("It does not exist, or is not yours"),
    "conflict": N_("It stands in the way of something else"),
    "invalid": N_("Something in it is not right"),
    "too_large": N_("It is too large"),
    "too_many_tries": N_("Too many tries; wait a moment"),
    "unavailable": N_("The server cannot do it right now; try again"),
    "internal": N_("The server made a mistake; it has been noted there"),
    "machine_disabled": N_("The machine is disabled"),
    "stop_unconfirmed": N_("A stop is not confirmed yet: wait for it, or look at the machine and close it"),
    "emergency_stop_in_force": N_("The machine is in emergency stop: only a reset leads out of it"),
    "stronger_stop_open": N_("A stronger stop is not confirmed yet"),
    "too_many_commands": N_("Too many commands in a short time; wait a moment"),
    "confirmation_needed": N_("Look at the machines that are meant first, and confirm"),
    "machines_changed": N_("The machines that are meant have changed: look again"),
    "no_machines": N_("No machine is meant by this"),
}
MESSAGES: Final[dict[str, str]] = {
    "too_large": N_("The message is too large"),
    "not_json": N_("The message is not JSON"),
    "not_object": N_("The message is not a JSON object"),
    "bad_field": N_("A field has the wrong type or value"),
    "numbered_without_ts": N_("A numbered message has no time"),
    "clock_ahead": N_("The machine's clock is ahead"),
    "too_late": N_("The message came too late to be kept"),
    "bad_topic": N_("The topic is none of the platform's"),
    "unknown_machine": N_("The machine is unknown"),
    "wrong_company": N_("The machine belongs to another company"),
    "bad_value": N_("The database could not keep a value"),
}


def problem_words(code: str, detail: str = "") -> str:
    """What the API refused, by the code of its answer.

    `detail` is the server's own sentence, which names rule, value and limit, in English: it stands alone where the code
    is unknown, and is for the page to show beside these words where there is more in it.
    """
    message = PROBLEMS.get(code)
    return gettext(message) if message else isolate(detail or code)


def message_words(reason: str) -> str:
    """Why a machine's message is among the dead letters."""
    message = MESSAGES.get(reason)
    return gettext(message) if message else isolate(reason)
