"""What keeps a fleet or a machine up to date: a socket, and the rows of the API at the beginning and after a gap."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, Final
from urllib.parse import quote

from sunsweep.app.live.fleet import SERVERS_OWN, Fleet
from sunsweep.app.live.flush import MACHINE_S, Flush
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.live.reread import Reread
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.net.repeats import Repeats
from sunsweep.app.net.server import Server
from sunsweep.app.net.server_clock import read_ms
from sunsweep.app.net.stream import REVOKED, UNAUTHENTICATED, Frame, Link, Patience, Stream

LOOK_EVERY_S: Final = 1.0
STALE_S: Final = 12.0
"""The fleet's socket says something every 5 s, if only that nothing happens."""
FEW: Final = 20
"""Machines that are asked for one by one; for more of them the list is read."""

LOGINS_END: Final = frozenset({UNAUTHENTICATED, REVOKED})
"""Said of the login that the socket was opened with: a newer one may stand already."""

OnLink = Callable[[Link], None]


class FleetFeed:
    """Keeps a `Fleet` up to date until `run` is cancelled, or the socket has ended for good."""

    def __init__(self, server: Server, fleet: Fleet, *, on_link: OnLink, random: Random | None = None) -> None:
        self.fleet = fleet
        self.is_complete = False
        """Whether the whole list has been read once."""
        self._server = server
        self._on_link = on_link
        random = random or Random()  # noqa: S311  jitter
        self._list = Reread(self._read_list, random)
        self.stream = _stream(
            server,
            lambda _: server.api.socket_path("/realtime", batch="true"),
            fleet.take_frames,
            self._linked,
            random,
            patience=Patience(stale_s=STALE_S),
        )

    async def run(self) -> int:
        """The code with which the socket has ended for good."""
        return await _keep(self._server, self.stream, self._list.run, self._look_at_the_time, self._fill_in)

    def refresh(self) -> None:
        """Read the list again, soon."""
        self._list.ask()

    def _linked(self, link: Link) -> None:
        self._list.linked(link)
        self._on_link(link)

    async def _read_list(self) -> None:
        asked_ms = self._server.clock.now_ms()
        before = set(self.fleet.machines)
        found: set[str] = set()
        try:
            async for rows in self._server.api.machines():
                self.fleet.take_rows(rows, asked_ms=asked_ms)
                found.update(row["machine_id"] for row in rows)
        except Refused:
            return  # the socket is refused as well, and says why
        # Who came by a frame meanwhile may be younger than the list.
        self.fleet.retain(found | (self.fleet.machines.keys() - before))
        self.is_complete = True

    async def _look_at_the_time(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.fleet.look_at_the_time()

    async def _fill_in(self) -> None:
        """Read what frames do not say of the machines that they are about."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self.is_complete or not self.fleet.lacking:
                continue
            if len(self.fleet.lacking) > FEW:
                self.fleet.lacking.clear()
                self._list.ask()
            for machine_id in sorted(self.fleet.lacking):
                await self._read_one(machine_id)

    async def _read_one(self, machine_id: str) -> None:
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
        random = random or Random()  # noqa: S311  jitter
        self._row = Reread(self._read_row, random)
        path = f"/realtime/{quote(machine_id, safe='')}"
        self.stream = _stream(
            server,
            lambda since_ms: server.api.socket_path(path, since=None if since_ms is None else _instant(since_ms)),
            self._take,
            self._linked,
            random,
            repeats=Repeats(),
        )

    async def run(self) -> int:
        """The code with which the socket has ended for good."""
        try:
            return await _keep(self._server, self.stream, self._row.run)
        finally:
            self._flush.close()

    def refresh(self) -> None:
        """Read the machine's row again, soon."""
        self._row.ask()

    def take_command(self, command: Mapping[str, Any]) -> None:
        """The API's answer to a command that was given, cancelled or closed here."""
        self.machine.take_command(command)
        self._flush.changed()

    def _take(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            if frame.get("type") in SERVERS_OWN and (at_ms := read_ms(frame.get("ts"))) is not None:
                self._server.clock.told_ms(at_ms)
            self.machine.take_frame(frame)
            if frame.get("type") == "command_state" and self.machine.lacks_words:
                self._row.ask()
        self._flush.changed()
        self._on_frames(frames)

    def _linked(self, link: Link) -> None:
        self._row.linked(link)
        self._on_link(link)

    async def _read_row(self) -> None:
        asked_ms = self._server.clock.now_ms()
        try:
            row = await self._server.api.machine(self.machine.machine_id)
        except Refused:
            return  # the socket is refused as well, and says why
        self.machine.take_row(row, asked_ms=asked_ms)
        self._flush.changed()


def _stream(
    server: Server,
    url_of: Callable[[int | None], str],
    on_frames: Callable[[Sequence[Frame]], None],
    on_link: OnLink,
    random: Random,
    *,
    repeats: Repeats | None = None,
    patience: Patience = Patience(),  # noqa: B008  frozen
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
        patience=patience,
    )


async def _keep(server: Server, stream: Stream, *works: Callable[[], Any]) -> int:
    """The stream until it ends, and beside it what never does."""
    with server.network_events(lambda is_there: stream.wake() if is_there else stream.suspect()):
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(work(), name=f"live-{work.__name__.strip('_')}") for work in works]
            while (code := await stream.run()) in LOGINS_END and await _login_stands(server):  # noqa: ASYNC110  nothing tells it
                await asyncio.sleep(LOOK_EVERY_S)
            for task in beside:
                task.cancel()
    return code


async def _login_stands(server: Server) -> bool:
    """Where it was the login that ended, the session says so, by `on_signed_out`; else the socket is opened anew."""
    try:
        await server.api.me()
    except Refused:
        return False
    except Away:
        return True
    return True


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
