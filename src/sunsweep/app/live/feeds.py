"""What keeps a fleet or a machine up to date: a socket, and the rows of the API at the beginning and after a gap."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, Final
from urllib.parse import quote

from sunsweep.app.live.fleet import SERVERS_OWN, Fleet
from sunsweep.app.live.flush import MACHINE_S, Flush
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.net.backoff import Backoff
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.net.repeats import Repeats
from sunsweep.app.net.server import Server
from sunsweep.app.net.server_clock import read_ms
from sunsweep.app.net.stream import REVOKED, UNAUTHENTICATED, Frame, Link, Stream

LOOK_EVERY_S: Final = 1.0
FEW: Final = 20
"""Machines that are asked for one by one; for more of them the list is read."""

OnLink = Callable[[Link], None]


class FleetFeed:
    """Keeps a `Fleet` up to date until `run` is cancelled, or the socket has ended for good."""

    def __init__(self, server: Server, fleet: Fleet, *, on_link: OnLink, random: Random | None = None) -> None:
        self.fleet = fleet
        self.is_complete = False
        """Whether the whole list has been read once."""
        self._server = server
        self._on_link = on_link
        self._random = random or Random()  # noqa: S311  jitter
        self._stale = asyncio.Event()
        self._stale.set()
        self._lost = 0
        api = server.api
        self.stream = _stream(
            server, lambda _: api.socket_path("/realtime", batch="true"), self._take, self._linked, self._random
        )

    async def run(self) -> int:
        """The code with which the socket has ended for good."""
        with self._server.network_events(lambda is_there: _hint(self.stream, is_there=is_there)):
            async with asyncio.TaskGroup() as group:
                keeping = [
                    group.create_task(self._read_lists(), name="fleet-lists"),
                    group.create_task(self._look(), name="fleet-look"),
                ]
                code = await self.stream.run()
                for task in keeping:
                    task.cancel()
        await _look_at_login(self._server, code)
        return code

    def refresh(self) -> None:
        """Read the list again, soon."""
        self._stale.set()

    def _take(self, frames: Sequence[Frame]) -> None:
        self.fleet.take_frames(frames)
        if self.fleet.lost != self._lost:
            self._lost = self.fleet.lost
            self._stale.set()

    def _linked(self, link: Link) -> None:
        """What the snapshots do not say may have changed in the gap."""
        if link is Link.LOST:
            self._stale.set()
        self._on_link(link)

    async def _read_lists(self) -> None:
        backoff = Backoff(self._random)
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                await self._read_list()
            except (Away, Refused):
                self._stale.set()
                await asyncio.sleep(backoff.next_s(lost_for_s=0))
            else:
                backoff.reset()

    async def _read_list(self) -> None:
        asked_ms = self._server.clock.now_ms()
        before = set(self.fleet.machines)
        found: set[str] = set()
        async for rows in self._server.api.machines():
            self.fleet.take_rows(rows, asked_ms=asked_ms)
            found.update(row["machine_id"] for row in rows)
        # Who came by a frame meanwhile may be younger than the list.
        self.fleet.retain(found | (self.fleet.machines.keys() - before))
        self.is_complete = True

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.fleet.look_at_the_time()
            if not self.is_complete or not self.fleet.lacking:
                continue
            if len(self.fleet.lacking) > FEW:
                self.fleet.lacking.clear()
                self._stale.set()
                continue
            for machine_id in sorted(self.fleet.lacking):
                await self._ask(machine_id)

    async def _ask(self, machine_id: str) -> None:
        self.fleet.lacking.discard(machine_id)
        asked_ms = self._server.clock.now_ms()
        try:
            self.fleet.take_rows([await self._server.api.machine(machine_id)], asked_ms=asked_ms)
        except Refused as refusal:
            if refusal.status == 404:
                self.fleet.drop(machine_id)
        except Away:
            self.fleet.lacking.add(machine_id)


class MachineFeed:
    """Keeps one `MachineNow` up to date; `on_change` at most four times a second, `on_frames` with all that came.

    After a gap the socket replays the samples that were missed, so a chart only has to take what it is given.
    """

    def __init__(
        self,
        server: Server,
        machine_id: str,
        *,
        on_change: Callable[[], None],
        on_link: OnLink,
        on_frames: Callable[[Sequence[Frame]], None] = lambda _: None,
        random: Random | None = None,
        every_s: float = MACHINE_S,
    ) -> None:
        self.machine = MachineNow(machine_id, server.clock.now_ms)
        self._server = server
        self._on_link = on_link
        self._on_frames = on_frames
        self._flush = Flush(every_s, on_change)
        self._random = random or Random()  # noqa: S311  jitter
        self._stale = asyncio.Event()
        self._stale.set()
        path = f"/realtime/{quote(machine_id, safe='')}"
        self.stream = _stream(
            server,
            lambda since_ms: server.api.socket_path(path, since=None if since_ms is None else _instant(since_ms)),
            self._take,
            self._linked,
            self._random,
            repeats=Repeats(),
        )

    async def run(self) -> int:
        """The code with which the socket has ended for good."""
        try:
            with self._server.network_events(lambda is_there: _hint(self.stream, is_there=is_there)):
                async with asyncio.TaskGroup() as group:
                    reading = group.create_task(self._read_rows(), name="machine-rows")
                    code = await self.stream.run()
                    reading.cancel()
        finally:
            self._flush.close()
        await _look_at_login(self._server, code)
        return code

    def refresh(self) -> None:
        """Read the machine's row again, soon."""
        self._stale.set()

    def take_command(self, command: dict[str, Any]) -> None:
        """The API's answer to a command that was given, cancelled or closed here."""
        self.machine.take_command(command)
        self._flush.changed()

    def _take(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            if frame.get("type") in SERVERS_OWN and (at_ms := read_ms(frame.get("ts"))) is not None:
                self._server.clock.told_ms(at_ms)
            self.machine.take_frame(frame)
        if self.machine.lacks_words:
            self._stale.set()
        self._flush.changed()
        self._on_frames(frames)

    def _linked(self, link: Link) -> None:
        if link is Link.LOST:
            self._stale.set()
        self._on_link(link)

    async def _read_rows(self) -> None:
        backoff = Backoff(self._random)
        while True:
            await self._stale.wait()
            self._stale.clear()
            asked_ms = self._server.clock.now_ms()
            try:
                row = await self._server.api.machine(self.machine.machine_id)
            except Away:
                self._stale.set()
            except Refused:
                # The socket says the same, and ends.
                continue
            else:
                self.machine.take_row(row, asked_ms=asked_ms)
                self._flush.changed()
                backoff.reset()
            await asyncio.sleep(backoff.next_s(lost_for_s=0))


def _stream(
    server: Server,
    url_of: Callable[[int | None], str],
    on_frames: Callable[[Sequence[Frame]], None],
    on_link: OnLink,
    random: Random,
    *,
    repeats: Repeats | None = None,
) -> Stream:
    return Stream(
        server.connect,
        url_of,
        on_frames=on_frames,
        on_link=on_link,
        renew=server.api.session.renew,
        probe=server.api.is_there,
        now_ms=server.clock.now_ms,
        random=random,
        repeats=repeats,
    )


def _hint(stream: Stream, *, is_there: bool) -> None:
    if is_there:
        stream.wake()
    else:
        stream.suspect()


async def _look_at_login(server: Server, code: int) -> None:
    """Whether it was the login that ended: then the session says so, by `on_signed_out`."""
    if code not in {UNAUTHENTICATED, REVOKED}:
        return
    try:
        await server.api.me()
    except (Refused, Away):
        return


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
