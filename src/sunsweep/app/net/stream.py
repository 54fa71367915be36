"""One socket that heals.

How a dead connection is noticed. A browser's script can neither ping nor see pings, and a path that was cut says
nothing: without a word from us a socket may look open for ever. So after `quiet_s` without a message the server's
`/healthz` is asked, by a connection of its own. Two failures in a row: lost, and said so. One failure and then an
answer: the network was away for a moment, and the socket may have died of it, so a new one takes its place. Answers
only: the machines may well have nothing to say, but a way that forgets idle connections (NAT, a proxy) may have
forgotten this one; after `stale_s` of silence it is replaced too, which nobody sees, because a new socket begins with
a snapshot.

How it comes back. Tries begin by the back-off and overlap: one that hangs in a dead network for its whole patience
does not hold up the next, and on a slow network the first is still given the time that it needs.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, Final, NamedTuple

from sunsweep.app.net.backoff import Backoff, Pace
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.net.http import UnreachableError
from sunsweep.app.net.repeats import Repeats
from sunsweep.app.net.server_clock import read_ms
from sunsweep.app.net.socket import ABNORMAL, Connect, Socket

UNAUTHENTICATED: Final = 4401
FORBIDDEN: Final = 4403
REVOKED: Final = 4408
POLICY: Final = 1008
"""The server cannot read what is asked for: asking again changes nothing."""
FINAL: Final = frozenset({FORBIDDEN, REVOKED, POLICY})

Frame = dict[str, Any]


class Link(StrEnum):
    """How the socket stands."""

    CONNECTING = "connecting"
    LIVE = "live"
    LOST = "lost"
    ENDED = "ended"
    """For good: `Stream.code` says why."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of each wait; see the module's head."""

    quiet_s: float = 3.0
    probe_s: float = 1.5
    probe_every_s: float = 4.0
    stale_s: float = 60.0
    open_s: float = 15.0
    """One try at a time may take as long; the others beside it, `quick_s`."""
    quick_s: float = 3.0
    settled_s: float = 1.0
    """A socket that stands so long is live, even with nothing to show: refusals come at once."""


MOST_TRIES: Final = 4
"""At the same time."""


class _Open(NamedTuple):
    stack: AsyncExitStack
    socket: Socket


class Stream:
    """Frames of one socket, whatever happens to it, until it is told that it may not or `run` is cancelled."""

    def __init__(
        self,
        connect: Connect,
        url_of: Callable[[int | None], str],
        *,
        on_frames: Callable[[Sequence[Frame]], None],
        on_link: Callable[[Link], None],
        renew: Callable[[], Awaitable[bool]],
        probe: Callable[[float], Awaitable[bool]],
        now_ms: Callable[[], int],
        random: Random,
        repeats: Repeats | None = None,
        pace: Pace = Pace(),  # noqa: B008  frozen
        patience: Patience = Patience(),
    ) -> None:
        """`url_of` gets the time (ms) of the newest sample shown, `probe` the seconds in which the server is to answer.

        `repeats` is for sockets that replay; without it every frame is handed on.
        """
        self.code: int | None = None
        self.link = Link.CONNECTING
        self._connect = connect
        self._url_of = url_of
        self._on_frames = on_frames
        self._on_link = on_link
        self._renew = renew
        self._probe = probe
        self._now_ms = now_ms
        self._repeats = repeats
        self._pace = pace
        self._patience = patience
        self._backoff = Backoff(random, pace)
        self._since_ms: int | None = None
        self._stirred = asyncio.Event()
        self._is_woken = False
        self._is_suspected = asyncio.Event()
        self._heard_s = 0.0
        self._lost_s = 0.0
        self._next_s = 0.0
        self._was_live = False

    async def run(self) -> int:
        """The code with which it has ended for good."""
        self._lost_s = self._next_s = self._time()
        self._on_link(self.link)
        was_renewed = False
        while True:
            opened = await self._open()
            async with opened.stack:
                code = await self._hear(opened.socket)
            if self._was_live:
                self._backoff.reset()
                was_renewed = False
                self._lost_s = self._time()
            wait_s = self._backoff.next_s(lost_for_s=self._time() - self._lost_s)
            if code == UNAUTHENTICATED and not was_renewed and await self._is_renewed():
                code, was_renewed = None, True
            self._next_s = self._time() + (0.0 if code is None else wait_s)
            if code in FINAL or code == UNAUTHENTICATED:
                self.code = code
                self._say(Link.ENDED)
                return code
            if code is not None:
                self._say(Link.LOST)

    def wake(self) -> None:
        """The network is said to be back, or somebody looks again: try now, and look whether an open socket lives."""
        self._is_woken = True
        self._stirred.set()
        self._is_suspected.set()

    def suspect(self) -> None:
        """The network is said to be gone: look at once whether it is."""
        self._is_suspected.set()

    # -- opening

    async def _open(self) -> _Open:
        """The first of the tries that succeeds."""
        tries: list[asyncio.Task[_Open | None]] = []
        async with asyncio.TaskGroup() as group:
            while (winner := _winner(tries)) is None:
                tries = [one for one in tries if not one.done()]
                if len(tries) < MOST_TRIES and (self._is_woken or self._time() >= self._next_s):
                    self._is_woken = False
                    patience_s = self._patience.quick_s if tries else self._patience.open_s
                    tries.append(group.create_task(self._try(patience_s), name="stream-try"))
                    tries[-1].add_done_callback(lambda _: self._stirred.set())
                    self._next_s = self._time() + self._backoff.next_s(lost_for_s=self._time() - self._lost_s)
                await self._stir(None if len(tries) >= MOST_TRIES else self._next_s - self._time())
            for one in tries:
                one.cancel()
        for one in tries:
            if one is not winner and not one.cancelled() and (late := one.result()) is not None:
                await late.stack.aclose()
        found = winner.result()
        assert found is not None
        return found

    async def _try(self, patience_s: float) -> _Open | None:
        stack = AsyncExitStack()
        try:
            async with asyncio.timeout(patience_s):
                socket = await stack.enter_async_context(self._connect(self._url_of(self._since_ms)))
        except (UnreachableError, TimeoutError):
            self._say(Link.LOST)
            return None
        return _Open(stack, socket)

    async def _is_renewed(self) -> bool:
        """Waits while the server cannot be asked: that says nothing of the login."""
        while True:
            try:
                return await self._renew()
            except (Away, Refused):
                self._say(Link.LOST)
                await self._stir(self._pace.soon_s)

    # -- hearing

    async def _hear(self, socket: Socket) -> int | None:
        """The code that the socket ended with; None where it is to be replaced without a word."""
        self._was_live = False
        self._heard_s = self._time()
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(socket), name="stream-read")
            settling = group.create_task(self._settle(), name="stream-settle")
            watching = group.create_task(self._watch(), name="stream-watch")
            await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reading, settling, watching):
                task.cancel()
        if not reading.cancelled():
            return reading.result()
        return ABNORMAL if watching.cancelled() or watching.result() else None

    async def _read(self, socket: Socket) -> int:
        async for text in socket:
            self._heard_s = self._time()
            said = json.loads(text)
            frames = said if isinstance(said, list) else [said]
            if self._repeats is not None:
                self._remember(frames)
                frames = self._repeats.news(frames)
            self._live()
            if frames:
                self._on_frames(frames)
        return socket.close_code

    async def _settle(self) -> None:
        await asyncio.sleep(self._patience.settled_s)
        self._live()

    async def _watch(self) -> bool:
        """Whether the server is away; False: it is there, and the socket is to be replaced."""
        patience = self._patience
        has_failed = False
        asked_s = self._time() - patience.probe_every_s
        while True:
            due_s = max(self._heard_s + patience.quiet_s, asked_s + (0.0 if has_failed else patience.probe_every_s))
            if not self._is_suspected.is_set() and (left_s := due_s - self._time()) > 0:
                await _within(self._is_suspected, left_s)
                continue
            self._is_suspected.clear()
            has_failed = has_failed and self._heard_s < asked_s
            asked_s = self._time()
            if not await self._probe(patience.probe_s):
                if has_failed:
                    return True
                has_failed = True
                # A refusal comes at once, and a server that restarts needs a moment.
                await asyncio.sleep(max(0.0, asked_s + patience.probe_s / 2 - self._time()))
            elif self._heard_s < asked_s and (has_failed or self._time() - self._heard_s > patience.stale_s):
                return False
            else:
                has_failed = False

    def _remember(self, frames: Sequence[Frame]) -> None:
        """What to go on from. A machine's clock may be ahead: later than now would hide the next samples."""
        for frame in frames:
            at_ms = read_ms(_sampled(frame))
            if at_ms is not None:
                self._since_ms = max(self._since_ms or 0, min(at_ms, self._now_ms()))

    def _live(self) -> None:
        self._was_live = True
        self._say(Link.LIVE)

    def _say(self, link: Link) -> None:
        if link is not self.link:
            self.link = link
            self._on_link(link)

    async def _stir(self, within_s: float | None) -> None:
        await _within(self._stirred, within_s)
        self._stirred.clear()

    def _time(self) -> float:
        return asyncio.get_running_loop().time()


def _sampled(frame: Frame) -> str | None:
    """When the frame's sample was measured; of a machine without any, when the snapshot was made."""
    ts: str | None = frame.get("ts")
    if frame.get("type") == "snapshot":
        sample = (frame.get("data") or {}).get("telemetry") or {}
        return sample.get("ts") or ts
    return ts if frame.get("type") == "telemetry" else None


def _winner(tries: Sequence[asyncio.Task[_Open | None]]) -> asyncio.Task[_Open | None] | None:
    return next((one for one in tries if one.done() and one.result() is not None), None)


async def _within(event: asyncio.Event, seconds: float | None) -> None:
    """Until the event, or the time is up."""
    try:
        async with asyncio.timeout(None if seconds is None else max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return
