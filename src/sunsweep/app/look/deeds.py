"""What was done, by whom and to what, in the words of people instead of the audit log's."""

from typing import Final

from sunsweep.app.words import N_, gettext, isolate

ACTIONS: Final[dict[str, str]] = {
    "login": N_("Signed in"),
    "login.renew": N_("Stayed signed in"),
    "logout": N_("Signed out"),
    "company.add": N_("Added a company"),
    "company.change": N_("Changed a company"),
    "api_key.add": N_("Made an API key"),
    "api_key.revoke": N_("Revoked an API key"),
    "user.add": N_("Added a person"),
    "user.change": N_("Changed a person"),
    "user.enable": N_("Enabled a person"),
    "user.link": N_("Asked for a password link"),
    "user.disable": N_("Disabled a person"),
    "user.password": N_("Set a password"),
    "user.token": N_("Made an access token"),
    "account.set": N_("Set an account"),
    "machine.add": N_("Added a machine"),
    "machine.change": N_("Changed a machine"),
    "machine.delete": N_("Archived a machine"),
    "machine.move": N_("Moved a machine to another company"),
    "machine.rotate": N_("Renewed a machine's login"),
    "machine.code": N_("Made an enrolment code"),
    "machine.login_used": N_("A machine used its new login"),
    "machine.login_ended": N_("A machine's old login ended"),
    "machine.enrol": N_("Enrolled a machine"),
    "machine_model.set": N_("Set a machine model"),
    "machine_model.delete": N_("Deleted a machine model"),
    "command.give": N_("Gave a command"),
    "command.cancel": N_("Cancelled a command"),
    "command.close": N_("Closed a command"),
    "command.bulk": N_("Gave a command to many machines"),
    "command.abort": N_("Ended a run early"),
    "dead_letter.replay": N_("Fed refused messages in again"),
    "database.restore": N_("Restored the database from a backup"),
    "broker.login": N_("Signed in at the broker"),
    "app.error": N_("Told of an error of the app"),
    "refusals.left_out": N_("Too many refusals to note each"),
}
"""By the API's words, in the order in which one looks for them."""
OUTCOMES: Final[dict[str, str]] = {"done": N_("Done"), "refused": N_("Refused")}
_ACTORS: Final[dict[str, str]] = {
    "api_key": N_("API key {name}"),
    "machine": N_("Machine {name}"),
    "command_line": N_("On the server itself"),
    "nobody": N_("Not signed in"),
}
_NOBODY_KNOWN: Final = N_("Not signed in, as {name}")
_OBJECTS: Final[dict[str, str]] = {
    "machine model": N_("Model {name}"),
    "machine": N_("Machine {name}"),
    "key": N_("API key no. {name}"),
    "bulk": N_("Run {name}"),
    "company": N_("Company no. {name}"),
}
"""By what an entry's object begins with; the longer ones first."""
_WHOLE_OBJECTS: Final[dict[str, str]] = {
    "dead letters": N_("Refused messages"),
    "machines": N_("Several machines"),
}


def action_words(action: str) -> str:
    """In the language in use."""
    message = ACTIONS.get(action)
    return gettext(message) if message else isolate(action)


def outcome_words(outcome: str) -> str:
    """In the language in use."""
    message = OUTCOMES.get(outcome)
    return gettext(message) if message else isolate(outcome)


def actor_words(kind: str, name: str) -> str:
    """Who it was."""
    message = _NOBODY_KNOWN if kind == "nobody" and name else _ACTORS.get(kind)
    return gettext(message).format(name=isolate(name)) if message else isolate(name)


def object_words(what: str) -> str:
    """What it was done to; empty for nothing."""
    if what in _WHOLE_OBJECTS:
        return gettext(_WHOLE_OBJECTS[what])
    for prefix, message in _OBJECTS.items():
        if what.startswith(f"{prefix} "):
            return gettext(message).format(name=isolate(what.removeprefix(f"{prefix} ")))
    return isolate(what.removeprefix("user ")) if what else ""
