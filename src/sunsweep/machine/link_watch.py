"""What a machine at work does when nobody can reach it: go on for a while, then what the file says."""

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from sunsweep.machine.pilot import Pilot
from sunsweep.machine.ports import Clock
from sunsweep.machine.states import Happening


class Then(StrEnum):
    """Values are the words of the file."""

    RETURN_TO_DOCK = "return_to_dock"
    STOP = "stop"
    GO_ON = "go_on"


class LinkLost(Struct, frozen=True, forbid_unknown_fields=True):
    """`[link_lost]` of the file: `go_on_min` minutes without a connection are let pass."""

    go_on_min: Annotated[float, Meta(ge=0, le=1440)] = 10.0
    then: Then = Then.RETURN_TO_DOCK


_HAPPENINGS: Final = {Then.RETURN_TO_DOCK: Happening.LINK_LOST, Then.STOP: Happening.LINK_LOST_STOP}


class LinkWatch:
    """Looks at each tick. What the pilot is not at work for leads nowhere in its table of moves."""

    def __init__(self, rule: LinkLost, clock: Clock, pilot: Pilot) -> None:
        self._rule = rule
        self._clock = clock
        self._pilot = pilot
        self._heard_s = clock.monotonic_s()

    async def look(self, *, connected: bool) -> None:
        now_s = self._clock.monotonic_s()
        if connected:
            self._heard_s = now_s
            return
        alone_min = (now_s - self._heard_s) / 60
        happening = _HAPPENINGS.get(self._rule.then)
        if happening is not None and alone_min >= self._rule.go_on_min:
            await self._pilot.happen(happening, f"no connection for {alone_min:.0f} min")
