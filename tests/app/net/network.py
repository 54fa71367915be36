"""A server and the network before it, in a loop whose time passes by itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from enum import StrEnum
from random import Random
from typing import Any

from sunsweep.app.net.backoff import Pace
from sunsweep.app.net.http import UnreachableError
from sunsweep.app.net.repeats import Repeats
from sunsweep.app.net.socket import ABNORMAL
from sunsweep.app.net.stream import Link, Patience, Stream
from tests.commands.loop import VirtualLoop

EPOCH_MS = 1_800_000_000_000


class Way(StrEnum):
    UP = "up"
    SILENT = "silent"
    """What is sent is neither delivered nor refused, and connections that stood are dead afterwards too."""
    DOWN = "down"


class FakeSocket:
    def __init__(self) -> None:
        self.close_code = 0
        self.is_dead = False
        self._texts = asyncio.Queue[str | None]()

    def put(self, *frames: object) -> None:
        for frame in frames:
            if not self.is_dead:
                self._texts.put_nowait(json.dumps(frame))

    def end(self, code: int) -> None:
        self.close_code = code
        self._texts.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (text := await self._texts.get()) is not None:
            yield text


class Network:
    """The server shows a snapshot to whoever connects, unless `refusals` says with which code it closes instead."""

    def __init__(self) -> None:
        self.way = Way.UP
        self.handshake_s = 0.02
        self.refusals: list[int] = []
        self.snapshot: Any = {"type": "snapshot", "machine_id": "M", "ts": "2027-01-15T08:00:00.000Z", "data": {}}
        self.sockets: list[FakeSocket] = []
        self.urls: list[str] = []
        self.tried_s: list[float] = []
        self.probes = 0
        self._changed = asyncio.Event()

    def be(self, way: Way) -> None:
        self.way = way
        if way is not Way.UP:
            for socket in self.sockets:
                socket.is_dead = True
                if way is Way.DOWN:
                    socket.end(ABNORMAL)
        self._changed.set()
        self._changed = asyncio.Event()

    def say(self, *frames: object) -> None:
        for socket in self.sockets:
            socket.put(*frames)

    async def probe(self, within_s: float) -> bool:
        self.probes += 1
        if self.way is Way.SILENT:
            await asyncio.sleep(within_s)
            return False
        return self.way is Way.UP

    @asynccontextmanager
    async def connect(self, url: str) -> AsyncIterator[FakeSocket]:
        self.urls.append(url)
        self.tried_s.append(asyncio.get_running_loop().time())
        if self.way is Way.SILENT:
            await asyncio.sleep(3600)
        await asyncio.sleep(self.handshake_s)
        if self.way is not Way.UP:
            raise UnreachableError("refused")
        socket = FakeSocket()
        self.sockets.append(socket)
        if self.refusals:
            socket.end(self.refusals.pop(0))
        elif self.snapshot is not None:
            socket.put(self.snapshot)
        try:
            yield socket
        finally:
            self.sockets.remove(socket)


class Page:
    """A stream, and what its page was told, with the time."""

    def __init__(self, network: Network, *, seed: int = 1, repeats: Repeats | None = None) -> None:
        self.network = network
        self.frames: list[dict[str, Any]] = []
        self.links: list[tuple[float, Link]] = []
        self.renewals: list[bool | Exception] = []
        self.stream = Stream(
            network.connect,
            lambda since_ms: f"/realtime/M?since={since_ms}",
            on_frames=self.frames.extend,
            on_link=lambda link: self.links.append((self.time(), link)),
            renew=self._renew,
            probe=network.probe,
            now_ms=lambda: EPOCH_MS,
            random=Random(seed),
            repeats=repeats,
            pace=Pace(),
            patience=Patience(),
        )

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def said(self) -> list[Link]:
        return [link for _, link in self.links]

    async def until(self, link: Link, *, within_s: float) -> float:
        """When it was said, from now on."""
        deadline_s = self.time() + within_s
        known = len(self.links) if self.stream.link is not link else len(self.links) - 1
        while not any(one is link for _, one in self.links[known:]):
            assert self.time() < deadline_s, f"not {link} within {within_s} s: {self.links}"
            await asyncio.sleep(0.05)
        return next(at_s for at_s, one in self.links[known:] if one is link)

    def _renew(self) -> Awaitable[bool]:
        async def renewed() -> bool:
            outcome = self.renewals.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return renewed()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[asyncio.Task[int]]:
        running = asyncio.create_task(self.stream.run())
        try:
            yield running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def run(work: Coroutine[Any, Any, None]) -> None:
    """All of the work, in no time."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(work)
        assert not loop.troubles, loop.troubles
    finally:
        loop.close()


def telemetry(n: int, *, ts: str = "2027-01-15T08:00:01.000Z", boot: int = 7) -> dict[str, Any]:
    return {"type": "telemetry", "machine_id": "M", "ts": ts, "data": {"battery": n, "boot": boot, "seq": n}}
