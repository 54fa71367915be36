"""All machines of a company as they are now: folded from rows and frames, told to listeners a few times a second."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sunsweep.app.live.attention import Attention, attention
from sunsweep.app.live.flush import FLEET_S, Flush
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.net.server_clock import ServerClock, read_ms

if TYPE_CHECKING:
    from sunsweep.app.live.attention_state import AttentionState

Json = Mapping[str, Any]

SERVERS_OWN: Final = frozenset({"snapshot", "presence", "command_state", "lagged"})
"""Frames whose `ts` is of the server's clock; the others' is the machine's."""
ARCHIVED: Final = "archived"
"""Why a machine is offline of which nothing more will be said: it was archived, or has moved to another company."""
SWEEP: Final = 10
"""Silence comes without a frame: at each look at the time a tenth of the machines is judged anew."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is new since the last time."""

    machine_ids: frozenset[str]
    """Machines of which anything has changed."""
    order: bool
    """Whether rows have come or gone, or were sorted."""


Listener = Callable[[Change], None]


class Fleet:
    """Machines by serial number. Rows keep their place until somebody sorts them; new ones come last."""

    def __init__(self, clock: ServerClock, *, every_s: float = FLEET_S) -> None:
        self.machines: dict[str, MachineNow] = {}
        self.order: list[str] = []
        self.attention: dict[str, Attention] = {}
        """As of the last time that listeners were told."""
        self.states: Counter[AttentionState] = Counter()
        self.needed = 0
        """Machines that somebody has to look at."""
        self.lacking: set[str] = set()
        """Machines of which the API has to be asked: they, or a command of theirs, are known by an id only, or
        frames of theirs were left out because we were too slow."""
        self._clock = clock
        self._flush = Flush(every_s, self._tell)
        self._dirty: set[str] = set()
        self._is_reordered = False
        self._listeners: list[Listener] = []
        self._swept = 0

    # -- what comes in

    def take_rows(self, rows: Iterable[Json], *, asked_ms: int) -> None:
        """Machines of the API, asked for at `asked_ms` of the server's time."""
        for row in rows:
            machine = self._machine(row["machine_id"])
            machine.take_row(row, asked_ms=asked_ms)
            self._touched(machine)

    def take_frames(self, frames: Sequence[Json]) -> None:
        """Frames of `/realtime`, in whatever order."""
        for frame in frames:
            kind = frame.get("type")
            if kind in SERVERS_OWN and (at_ms := read_ms(frame.get("ts"))) is not None:
                self._clock.told_ms(at_ms)
            machine_id = frame.get("machine_id")
            if not isinstance(machine_id, str):
                continue
            if kind == "presence" and (frame.get("data") or {}).get("cause") == ARCHIVED:
                self.drop(machine_id)
                continue
            machine = self._machine(machine_id)
            if machine.take_frame(frame):
                self._touched(machine)
                if kind == "lagged":
                    self.lacking.add(machine_id)

    def take_command(self, command: Json) -> None:
        """The API's answer to a command that was given, cancelled or closed here."""
        machine = self._machine(command["machine_id"])
        machine.take_command(command)
        self._touched(machine)

    def retain(self, machine_ids: Iterable[str]) -> None:
        """After a complete list: who is not in it any more has been archived, or moved away."""
        for machine_id in self.machines.keys() - set(machine_ids):
            self.drop(machine_id)

    def drop(self, machine_id: str) -> None:
        """It is not there any more."""
        if self.machines.pop(machine_id, None) is None:
            return
        self.order.remove(machine_id)
        self.lacking.discard(machine_id)
        self._judged(machine_id, None)
        self._is_reordered = True
        self._dirty.discard(machine_id)
        self._flush.changed()

    # -- what goes out

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each change; the answer ends it."""
        self._listeners.append(listener)

        def end() -> None:
            with suppress(ValueError):
                self._listeners.remove(listener)

        return end

    def look_at_the_time(self) -> None:
        """About once a second: machines fall silent, and stops become overdue, without a frame."""
        machine_ids = self.order[self._swept :: SWEEP]
        self._swept = (self._swept + 1) % SWEEP
        now_ms = self._clock.now_ms()
        for machine_id in machine_ids:
            if attention(self.machines[machine_id], now_ms) != self.attention.get(machine_id):
                self._dirty.add(machine_id)
                self._flush.changed()

    def close(self) -> None:
        """Nobody is told anything any more."""
        self._listeners.clear()
        self._flush.close()

    def _machine(self, machine_id: str) -> MachineNow:
        machine = self.machines.get(machine_id)
        if machine is None:
            machine = self.machines[machine_id] = MachineNow(machine_id, self._clock.now_ms)
            self.order.append(machine_id)
            self._is_reordered = True
        return machine

    def _touched(self, machine: MachineNow) -> None:
        machine_id = machine.machine_id
        self._dirty.add(machine_id)
        if machine.lacks_words:
            self.lacking.add(machine_id)
        else:
            self.lacking.discard(machine_id)
        self._flush.changed()

    def _judge(self, machine_ids: Iterable[str]) -> None:
        now_ms = self._clock.now_ms()
        for machine_id in machine_ids:
            self._judged(machine_id, attention(self.machines[machine_id], now_ms))

    def _judged(self, machine_id: str, found: Attention | None) -> None:
        """Keeps the counts."""
        if (before := self.attention.pop(machine_id, None)) is not None:
            self.states[before.state] -= 1
            self.needed -= before.needed
        if found is not None:
            self.attention[machine_id] = found
            self.states[found.state] += 1
            self.needed += found.needed

    def _tell(self) -> None:
        self._judge(self._dirty)
        change = Change(frozenset(self._dirty), self._is_reordered)
        self._dirty.clear()
        self._is_reordered = False
        for listener in tuple(self._listeners):
            listener(change)
