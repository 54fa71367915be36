"""How much may be out without a receipt. One object per connection; it decides and does not send."""

from itertools import islice
from typing import Final, NamedTuple

from sunsweep.contract.limits import MAX_UNRECEIPTED
from sunsweep.machine.entry import Entry
from sunsweep.machine.outbox import Outbox

BATCH: Final = 20
MAX_TRIES: Final = 10
"""So often a message is sent while later ones are answered; then it counts as lost."""
PATIENCE_S: Final = 30.0
SETTLED_S: Final = 5.0
FIRST_PROBE_S: Final = 5.0
LAST_PROBE_S: Final = 300.0


class Sending(NamedTuple):
    """At QoS 0 a message goes to the viewers only, and stays to be sent properly."""

    entry: Entry
    qos: int


class Window:
    """Open, it lets messages out in order, up to the limit.

    When the oldest has waited too long it closes: only that one is tried, ever more slowly, and new messages
    pass once at QoS 0. A receipt opens it, and what has gone unanswered goes again. A new connection starts
    with everything unsent. `tries` outlives the connections.
    """

    def __init__(self, outbox: Outbox, *, limit: int = MAX_UNRECEIPTED, tries: dict[int, int] | None = None) -> None:
        self._outbox = outbox
        self._limit = limit
        self._out: dict[int, float] = {}
        self._tries = {} if tries is None else tries
        # The newest one may be shown once more: who looks now has not seen it.
        self._shown = outbox.last_order - 1
        self._probe_s: float | None = None
        self._probe_wait_s = FIRST_PROBE_S

    @property
    def closed(self) -> bool:
        return self._probe_s is not None

    def due(self, now_s: float) -> list[Sending]:
        """What may go out now; counts as sent."""
        self._forget_settled()
        self._close_if_unanswered(now_s)
        if self._probe_s is not None:
            return self._probe(now_s) + self._show()
        room = min(BATCH, self._limit - len(self._out))
        self._give_up_the_unanswered()
        fresh = list(islice((entry for entry in self._outbox.pending() if entry.order not in self._out), room))
        for entry in fresh:
            self._out[entry.order] = now_s
            self._shown = max(self._shown, entry.order)
        sendings = [Sending(entry, 1) for entry in fresh]
        if len(fresh) < BATCH:
            return sendings + self._show()
        # What is live goes before a long history.
        return (self._show() if self._outbox.last_order - fresh[-1].order > BATCH else []) + sendings

    def opened(self, now_s: float) -> None:
        """A receipt came: what is still out after a while has been lost on the way.

        Only that is a try that failed. What a broken connection took along says nothing about the message.
        """
        self._probe_s, self._probe_wait_s = None, FIRST_PROBE_S
        lost = [order for order, sent_s in self._out.items() if now_s - sent_s > SETTLED_S]
        for order in lost:
            del self._out[order]
            if order < self._outbox.newest_settled and order in self._outbox:
                self._tries[order] = self._tries.get(order, 0) + 1

    def wait_s(self, now_s: float) -> float:
        """How long nothing changes by itself."""
        if self._probe_s is not None:
            return max(0.0, self._probe_s - now_s)
        oldest_s = min(self._out.values(), default=now_s)
        return max(0.0, oldest_s + PATIENCE_S - now_s)

    def _forget_settled(self) -> None:
        held = self._outbox.held(self._out.keys() | self._tries.keys())
        self._out = {order: sent_s for order, sent_s in self._out.items() if order in held}
        for order in self._tries.keys() - held:
            del self._tries[order]

    def _give_up_the_unanswered(self) -> None:
        for order in [order for order, tries in self._tries.items() if tries >= MAX_TRIES and order not in self._out]:
            self._outbox.give_up(order)
            del self._tries[order]

    def _close_if_unanswered(self, now_s: float) -> None:
        oldest_s = min(self._out.values(), default=now_s)
        if self._probe_s is None and now_s - oldest_s >= PATIENCE_S:
            self._probe_s = now_s

    def _probe(self, now_s: float) -> list[Sending]:
        if self._probe_s is None or now_s < self._probe_s:
            return []
        self._probe_s = now_s + self._probe_wait_s
        self._probe_wait_s = min(LAST_PROBE_S, 2 * self._probe_wait_s)
        oldest = next(self._outbox.pending(), None)
        return [] if oldest is None else [Sending(oldest, 1)]

    def _show(self) -> list[Sending]:
        """Messages newer than any shown: viewers are not kept waiting by history."""
        new = self._outbox.pending(after=self._shown)
        self._shown = max(self._shown, self._outbox.last_order)
        return [Sending(entry, 0) for entry in new]
