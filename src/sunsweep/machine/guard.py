"""Which commands may run. Delivery can be late, doubled, out of order or by nobody: the machine decides itself."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from msgspec import Struct, ValidationError, convert, field

from sunsweep.contract.codec import decode_command, decode_object
from sunsweep.contract.commands import STOP_RANK, Order
from sunsweep.contract.payloads import Command, CommandId, Result, ResultState
from sunsweep.contract.refusal import Refused
from sunsweep.machine.ports import Clock

REMEMBERED_RESULTS: Final = 256
_UNDER_WAY: Final = frozenset({ResultState.ACCEPTED, ResultState.RUNNING})


class Delivery(NamedTuple):
    """A command as the broker handed it over; `expires_in_s` is what MQTT's Message Expiry had left."""

    payload: bytes
    retained: bool = False
    expires_in_s: int | None = None


class Execute(NamedTuple):
    order: Order
    command: Command


class Repeat(NamedTuple):
    """Seen already: its last word again, and nothing else."""

    result: Result


class Refuse(NamedTuple):
    """`id` is None where nobody can be told."""

    id: str | None
    reason: str
    message: str


Verdict = Execute | Repeat | Refuse


class Memory(Struct):
    """What must outlive the program for the guard to be right after a restart."""

    last_stop: dict[int, str] = field(default_factory=dict)
    """Newest id seen, by the stop's rank."""
    results: dict[str, Result] = field(default_factory=dict)
    """Last word on each command, oldest first, bounded."""
    forgotten: str = ""
    """The newest id whose word was given up: nothing up to it can be told from a repetition."""


def _nowhere(_: Memory) -> None:
    """A memory of this boot only."""


class Guard:
    """One machine's; `keep` is called with the memory after each change."""

    def __init__(
        self, clock: Clock, *, memory: Memory | None = None, keep: Callable[[Memory], None] = _nowhere
    ) -> None:
        self._clock = clock
        self._memory = memory or Memory()
        self._keep = keep
        self._broken_off = {result.id for result in self._memory.results.values() if result.state in _UNDER_WAY}
        """Under way when the program before ended: nobody sees to them any more."""

    def judge(self, delivery: Delivery) -> Verdict:
        """Decide on one delivery; a stop-like command counts as seen from here on."""
        try:
            command = decode_command(delivery.payload)
        except Refused as refused:
            return Refuse(_readable_id(delivery.payload), "malformed", str(refused))
        if delivery.retained:
            return Refuse(command.id, "retained", "commands are never retained; nobody knows how old this one is")
        if (said := self._said(command)) is not None:
            return Repeat(said)
        if command.command not in set(Order):
            return Refuse(command.id, "unknown_command", f"this machine does not know {command.command!r}")
        order = Order(command.command)
        return self._judge_stop(order, command) if order in STOP_RANK else self._judge_start(order, command, delivery)

    def remember(self, result: Result) -> None:
        """Keep the last word on a command."""
        self._broken_off.discard(result.id)
        results = self._memory.results
        results.pop(result.id, None)
        results[result.id] = result
        while len(results) > REMEMBERED_RESULTS:
            oldest = next(iter(results))
            del results[oldest]
            self._memory.forgotten = max(self._memory.forgotten, oldest)
        self._keep(self._memory)

    def broken_off(self) -> list[str]:
        """What the end of the program before has ended for good; a newest stop runs again when it comes again."""
        return sorted(self._broken_off - set(self._memory.last_stop.values()))

    def _said(self, command: Command) -> Result | None:
        """The last word on it; a stop that was broken off has none that counts."""
        if command.id is None or (command.id in self._broken_off and command.command in STOP_RANK):
            return None
        return self._memory.results.get(command.id)

    def _judge_stop(self, order: Order, command: Command) -> Verdict:
        if command.id is None:
            return Execute(order, command)
        rank = STOP_RANK[order]
        last_stop = self._memory.last_stop
        stronger = max((seen for stop, seen in last_stop.items() if stop > rank), default="")
        if command.id < stronger:
            return Refuse(command.id, "superseded", "a stronger stop was ordered after it")
        last_stop[rank] = max(command.id, last_stop.get(rank, ""))
        self._keep(self._memory)
        return Execute(order, command)

    def _judge_start(self, order: Order, command: Command, delivery: Delivery) -> Verdict:
        if delivery.expires_in_s is not None and delivery.expires_in_s <= 0:
            return Refuse(command.id, "expired", "it waited longer than it was good for")
        if self._past(command.expires_at_ms):
            return Refuse(command.id, "expired", "the time it was good for has passed")
        if command.id is None:
            return Execute(order, command)
        if command.id <= max(self._memory.last_stop.values(), default=""):
            return Refuse(command.id, "older_than_stop", "a stop was ordered after it")
        if command.id <= self._memory.forgotten:
            return Refuse(command.id, "too_old", "it may have run already")
        return Execute(order, command)

    def _past(self, expires_at_ms: int | None) -> bool:
        return expires_at_ms is not None and self._clock.synchronised and self._clock.now_ms() >= expires_at_ms


def _readable_id(payload: bytes) -> str | None:
    """The id of a command that cannot be read as a whole, so that its sender can still be told."""
    try:
        given: dict[str, Any] = decode_object(payload)
        identifier: str = convert(given.get("id"), CommandId)
    except (Refused, ValidationError):
        return None
    return identifier
