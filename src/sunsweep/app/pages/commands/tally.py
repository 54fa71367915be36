"""How far a run over many machines has come, counted for people. No controls in here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sunsweep.app.figures.numbers import number
from sunsweep.app.figures.times import instant
from sunsweep.app.look.commands import order_words, reason_words, state_words
from sunsweep.app.words import N_, _, gettext, isolate, ngettext
from sunsweep.contract.commands import CommandState

REFUSED: Final = "refused"
NOT_GIVEN: Final = "not_given"


class Share(StrEnum):
    """What a person wants to know of the machines of a run."""

    DONE = "done"
    UNDER_WAY = "under-way"
    NOT_DONE = "not-done"
    NOT_GIVEN = "not-given"


SHARES: Final[Mapping[Share, tuple[str, ...]]] = {
    Share.DONE: (CommandState.SUCCEEDED,),
    Share.UNDER_WAY: (CommandState.QUEUED, CommandState.SENT, CommandState.ACCEPTED, CommandState.RUNNING),
    Share.NOT_DONE: (
        CommandState.FAILED,
        CommandState.REJECTED,
        CommandState.EXPIRED,
        CommandState.UNCONFIRMED,
        CommandState.CANCELLED,
        REFUSED,
    ),
    Share.NOT_GIVEN: (NOT_GIVEN,),
}
"""By the states of the API."""

_SHARE_WORDS: Final[Mapping[Share, str]] = {
    Share.DONE: N_("Done"),
    Share.UNDER_WAY: N_("Under way"),
    Share.NOT_DONE: N_("Not done"),
    Share.NOT_GIVEN: N_("Not sent"),
}
_ABORTED_BY: Final = re.compile(r"aborted by (?P<person>.+)")
_TOO_MANY: Final = re.compile(r"(?P<missed>\d+) machines did not do it, and abort_after is (?P<most>\d+)")
_STOPPED: Final = re.compile(r"(?P<command>[\w.-]+) was given to it meanwhile")


@dataclass(frozen=True, slots=True)
class Run:
    """A bulk run as the API has it."""

    id: str
    command: str
    params: Mapping[str, Any]
    state: str
    reason: str
    machines: int
    stage: int
    stages: int
    stage_size: int
    abort_after: int | None
    counts: Mapping[str, int]
    issued_at: datetime
    by: str
    ended_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Nothing is awaited any more."""
        return self.ended_at is not None

    @property
    def may_abort(self) -> bool:
        return self.state == "running" and not self.is_over

    def share(self, share: Share) -> int:
        """So many machines."""
        return sum(self.counts.get(state, 0) for state in SHARES[share])


def run(row: Mapping[str, Any]) -> Run:
    """From a row of `GET /commands/bulk`."""
    return Run(
        row["id"],
        row["command"],
        row["params"],
        row["state"],
        row["reason"],
        row["machines"],
        row["stage"],
        row["stages"],
        row["stage_size"],
        row["abort_after"],
        row["counts"],
        instant(row["issued_at"]),
        row["issued_by_name"],
        instant(row["ended_at"]) if row["ended_at"] else None,
    )


def share_words(share: Share) -> str:
    """In the language in use."""
    return gettext(_SHARE_WORDS[share])


def target_words(state: str, reason: str) -> str:
    """What became of a machine's part, and why."""
    if state == NOT_GIVEN:
        words = _("Not sent") if reason else _("Not sent yet")
    else:
        words = _("Refused by the platform") if state == REFUSED else state_words(state)
    return _("{state}: {reason}").format(state=words, reason=_why_target(reason)) if reason else words


def ended_words(reason: str) -> str:
    """Why a run was ended early."""
    if found := _ABORTED_BY.fullmatch(reason):
        return _("Ended early by {person}").format(person=isolate(found["person"]))
    if found := _TOO_MANY.fullmatch(reason):
        n = int(found["missed"])
        return ngettext(
            "Ended early: {n} machine did not do it, and the limit was {most}",
            "Ended early: {n} machines did not do it, and the limit was {most}",
            n,
        ).format(n=number(n), most=number(int(found["most"])))
    return isolate(reason)


def _why_target(reason: str) -> str:
    found = _STOPPED.fullmatch(reason)
    if found is None:
        return reason_words(reason)
    return _("{command} was ordered meanwhile").format(command=order_words(found["command"]))


def progress_words(of: Run) -> str:
    """How it stands, in one sentence."""
    done = of.share(Share.DONE)
    if not of.is_over:
        if of.state == "aborted":
            return _("Ended early; waiting for what was sent")
        if of.stages > 1:
            return _("Running, stage {stage} of {stages}").format(stage=number(of.stage), stages=number(of.stages))
        return _("Running")
    if done == of.machines:
        return ngettext("{n} machine has done it", "All {n} machines have done it", done).format(n=number(done))
    return ngettext("{done} of {n} machine has done it", "{done} of {n} machines have done it", of.machines).format(
        done=number(done), n=number(of.machines)
    )


def machines_words(n: int) -> str:
    """37 machines."""
    return ngettext("{n} machine", "{n} machines", n).format(n=number(n))
