"""How many refusals are written: a flood of them may not fill the database."""

from collections.abc import Iterator
from typing import Final

import msgspec

from sunsweep.server.features.accounts.networks import network_of
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.features.audit.actors import Actor, Kind, nobody

WINDOW_MS: Final = 60_000
PER_ACTOR: Final = 20
STRANGERS: Final = 200
"""Of all who have no login together."""
_CROWD: Final = nobody("many addresses")
_Key = tuple[str, int | str]


class Refusal(msgspec.Struct, frozen=True):
    """A writing request that was refused, and with which status and code."""

    actor: Actor
    action: Action
    what: str
    company_id: int | None
    status: int
    code: str


class LeftOut(msgspec.Struct, frozen=True):
    """How many refusals of one actor, from `since_ms` on, have no entry of their own."""

    actor: Actor
    company_id: int | None
    count: int
    since_ms: int


class _Window(msgspec.Struct):
    actor: Actor
    company_id: int | None
    since_ms: int
    kept: int = 0
    left_out: int = 0

    def admit(self, limit: int) -> bool:
        if self.kept >= limit:
            self.left_out += 1
            return False
        self.kept += 1
        return True


class Bound:
    """So many refusals of an actor, or a stranger's address, and of all strangers, are written in a minute."""

    def __init__(self, *, per_actor: int = PER_ACTOR, strangers: int = STRANGERS) -> None:
        self._per_actor = per_actor
        self._strangers = strangers
        self._windows: dict[_Key, _Window] = {}

    def admits(self, refusal: Refusal, *, now_ms: int) -> bool:
        """Whether it is to be written; else it is counted."""
        actor = refusal.actor
        fresh = _Window(actor, refusal.company_id, now_ms)
        if actor.kind is not Kind.NOBODY:
            return self._windows.setdefault((actor.kind, actor.id or 0), fresh).admit(self._per_actor)
        key = (Kind.NOBODY, network_of(actor.address))
        own = self._windows.get(key)
        if own is not None and own.kept >= self._per_actor:
            return own.admit(self._per_actor)
        # Who changes the address with every request opens no more windows once the strangers' share is taken.
        if not self._windows.setdefault(("strangers", 0), _Window(_CROWD, None, now_ms)).admit(self._strangers):
            return False
        return self._windows.setdefault(key, fresh).admit(self._per_actor)

    def over(self, *, now_ms: int | None) -> Iterator[LeftOut]:
        """What the windows that are over have left out, and forget them; all windows where no time is given."""
        for key, window in list(self._windows.items()):
            if now_ms is None or now_ms - window.since_ms >= WINDOW_MS:
                del self._windows[key]
                if window.left_out:
                    yield LeftOut(window.actor, window.company_id, window.left_out, window.since_ms)
