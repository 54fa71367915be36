"""What is known of a machine and how it is known, in a few lines of words."""

from sunsweep.app.figures.ages import heard, since
from sunsweep.app.figures.times import instant_of, moment
from sunsweep.app.live.command_now import CommandNow
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.look.commands import order_words, story
from sunsweep.app.look.statuses import status_words
from sunsweep.app.words import N_, _, gettext

_CAUSES = {
    "silent": N_("it is connected and says nothing"),
    "disabled": N_("it is disabled"),
    "status": N_("its connection ended"),
}


def said_words(machine: MachineNow, state: str, now_ms: int) -> str:
    """Who says that it is so, and when; `state` are the words that stand above."""
    if machine.status is None or machine.status_ms is None:
        return _("It has not said yet what it does")
    time = moment(instant_of(machine.status_ms), instant_of(now_ms), seconds=True)
    said = status_words(machine.status)
    if said == state:
        return _("said the machine, {time}").format(time=time)
    return _("{status}, said the machine, {time}").format(status=said, time=time)


def presence_words(machine: MachineNow, now_ms: int) -> str:
    """Whether it is there, and when it was last heard."""
    if machine.heard_ms is None:
        return _("Never heard of yet")
    age = heard(instant_of(machine.heard_ms), instant_of(now_ms))
    if machine.presence == "online":
        return _("Online, last heard {age}").format(age=age)
    if machine.presence_ms is None:
        return _("Offline, last heard {age}").format(age=age)
    begun = since(instant_of(machine.presence_ms), instant_of(now_ms))
    cause = _CAUSES.get(machine.presence_cause)
    if machine.presence == "stale":
        return _("Silent {since}, last heard {age}").format(since=begun, age=age)
    if cause is None:
        return _("Offline {since}, last heard {age}").format(since=begun, age=age)
    return _("Offline {since} ({cause}), last heard {age}").format(since=begun, cause=gettext(cause), age=age)


def last_words(machine: MachineNow, last: CommandNow | None, now_ms: int) -> str:
    """How far its newest command has come."""
    if last is None:
        return _("No orders yet")
    if not last.command:
        return _("It was given an order")
    return _("{command}: {state}").format(
        command=order_words(last.command),
        state=story(last.command, last.state, last.reason, offline=offline_since(machine, now_ms)),
    )


def offline_since(machine: MachineNow, now_ms: int) -> str:
    """For `look.commands.story`: empty where the machine is not offline."""
    if machine.presence != "offline" or machine.presence_ms is None:
        return ""
    return since(instant_of(machine.presence_ms), instant_of(now_ms))
