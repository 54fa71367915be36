"""An emergency stop in force, also over a restart: switching off and on is no way out of it."""

from typing import Final

from sunsweep.machine.outbox import Outbox
from sunsweep.machine.pilot import Move
from sunsweep.machine.states import State

_NAME: Final = "emergency"
_IN_FORCE: Final = b"1"


class Latch:
    """Kept with the outbox; `hear` wants every move of the machine."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.in_force = outbox.kept(_NAME) == _IN_FORCE

    def hear(self, move: Move) -> None:
        in_force = move.state is State.EMERGENCY_STOP
        if in_force is not self.in_force:
            self.in_force = in_force
            self._outbox.keep(_NAME, _IN_FORCE if in_force else b"")
