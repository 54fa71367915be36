"""Said of refusals: the first at once, then a line a minute, and an alarm where many machines are refused at once.

What one company's machines send is its own matter, also while the others' are silent. Refusals from many machines of
several companies, or of the only one there is, mean a bad deploy, of theirs or of ours. It is said, and nothing stops
for it.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import structlog

from sunsweep.contract.refusal import Reason
from sunsweep.server import metrics
from sunsweep.server.clock import Clock
from sunsweep.server.ingest.messages import Decoded, Rejected

log = structlog.get_logger(__name__)

WINDOW_MS: Final = 60_000
LOOK_EVERY_MS: Final = 1000
SAY_EVERY_MS: Final = 60_000
MANY_MACHINES: Final = 10
MANY_OF_HEARD: Final = 0.05


class _Refused(NamedTuple):
    at_ms: int
    company_id: int
    reason: Reason


class Refusals:
    """Which machines were heard and which refused within the last minute; each machine counts once.

    `companies` says how many have machines.
    """

    def __init__(self, *, now_ms: Clock, companies: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._companies = companies
        self._just_heard: set[int] = set()
        self._heard: dict[int, int] = {}
        self._refused: dict[int, _Refused] = {}
        self._to_say: Counter[Reason] = Counter()
        self._looked_at = 0
        self._said_at = 0
        self._many_at: int | None = None
        """While there is an alarm: when there were many for the last time."""

    def heard(self, outcome: Iterable[Decoded]) -> None:
        """Take in a batch that has been committed."""
        now_ms = self._now_ms()
        self._just_heard.update([item.machine.id for item in outcome if item.machine])
        rejected = [item for item in outcome if type(item) is Rejected]
        self._to_say.update([item.reason for item in rejected])
        for machine, reason in {item.machine: item.reason for item in rejected}.items():
            if machine is not None:
                self._refused[machine.id] = _Refused(now_ms, machine.company_id, reason)

    def look(self) -> None:
        """Say what is to be said; called often, does something once a second."""
        now_ms = self._now_ms()
        if 0 <= now_ms - self._looked_at < LOOK_EVERY_MS:
            return
        self._looked_at = now_ms
        self._heard.update(dict.fromkeys(self._just_heard, now_ms))
        self._just_heard.clear()
        if self._to_say and not 0 <= now_ms - self._said_at < SAY_EVERY_MS:
            self._said_at = now_ms
            log.warning("messages kept as dead letters", **{str(reason): n for reason, n in self._to_say.items()})
            self._to_say.clear()
        self._forget_before(now_ms - WINDOW_MS)
        if self._are_many():
            self._alarm(now_ms)
        elif self._many_at is not None and now_ms - self._many_at >= WINDOW_MS:
            self._many_at = None
            metrics.REFUSAL_ALARM.set(0)
            log.info("refusals come from few machines again")

    def _forget_before(self, then_ms: int) -> None:
        self._heard = {machine_id: at_ms for machine_id, at_ms in self._heard.items() if at_ms > then_ms}
        self._refused = {machine_id: one for machine_id, one in self._refused.items() if one.at_ms > then_ms}

    def _are_many(self) -> bool:
        refused, heard = len(self._refused), len(self._heard)
        if refused < max(MANY_MACHINES, MANY_OF_HEARD * heard):
            return False
        if len({one.company_id for one in self._refused.values()}) > 1:
            return True
        return refused > heard / 2 and self._companies() == 1

    def _alarm(self, now_ms: int) -> None:
        if self._many_at is None:
            metrics.REFUSAL_ALARM.set(1)
            (reason, _), *_ = Counter(one.reason for one in self._refused.values()).most_common(1)
            log.error(
                "refusals from many machines at once",
                machines=len(self._refused),
                heard=len(self._heard),
                companies=len({one.company_id for one in self._refused.values()}),
                reason=str(reason),
            )
        self._many_at = now_ms
