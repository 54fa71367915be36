"""How far a bulk run has come, and what comes next. Pure."""

from collections.abc import Iterable
from enum import Enum, auto
from typing import Final, NamedTuple

from sunsweep.server.db.models import BulkRun
from sunsweep.server.features.commands.lifecycle import State

RUNNING: Final = "running"
FINISHED: Final = "finished"
ABORTED: Final = "aborted"
REFUSED: Final = "refused"
NOT_GIVEN: Final = "not_given"
"""Beside the states of commands: what a machine was not given, for a reason, or not yet."""

UNDER_WAY: Final = (State.QUEUED, State.SENT, State.ACCEPTED, State.RUNNING)
FAILURES: Final = (State.FAILED, State.REJECTED, State.EXPIRED, State.UNCONFIRMED, REFUSED)


class Count(NamedTuple):
    """So many machines of a stage whose commands are in this state; or `refused`, `not_given`."""

    stage: int
    state: str
    number: int


class Tally:
    """The machines of a run, counted by stage and state."""

    def __init__(self, counts: Iterable[Count] = ()) -> None:
        self._counts = list(counts)

    @property
    def stages(self) -> int:
        return max((count.stage for count in self._counts), default=0)

    @property
    def machines(self) -> int:
        return sum(count.number for count in self._counts)

    @property
    def failures(self) -> int:
        return sum(map(self.of, FAILURES))

    @property
    def by_state(self) -> dict[str, int]:
        """Without those of which there are none."""
        return {state: self.of(state) for state in sorted({count.state for count in self._counts})}

    def of(self, state: str) -> int:
        return sum(count.number for count in self._counts if count.state == state)

    def not_given(self, *, up_to: int) -> int:
        """How many machines up to this stage have not had their turn."""
        return sum(count.number for count in self._counts if count.state == NOT_GIVEN and count.stage <= up_to)


class Next(Enum):
    """What a run needs now."""

    GIVE = auto()
    """The rest of the stage that has begun."""
    BEGIN = auto()
    """The next stage."""
    ABORT = auto()
    CANCEL = auto()
    """What an aborted run has in the queue."""
    END = auto()
    WAIT = auto()
    """For what machines have been given."""


def next_step(run: BulkRun, tally: Tally) -> Next:
    """For a run that has not ended."""
    under_way = any(map(tally.of, UNDER_WAY))
    if run.state == ABORTED:
        if tally.of(State.QUEUED):
            return Next.CANCEL
        return Next.WAIT if under_way else Next.END
    left = tally.of(NOT_GIVEN)
    if left and run.abort_after is not None and tally.failures >= run.abort_after:
        return Next.ABORT
    if tally.not_given(up_to=run.stage):
        return Next.GIVE
    if under_way:
        return Next.WAIT
    return Next.BEGIN if left else Next.END
