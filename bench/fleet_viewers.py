"""Who watches the fleet: what a viewer of `/realtime` or `/realtime/{machine_id}` has been shown, and how late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
from bench.fleet_house import now_ms
from websockets.asyncio.client import ClientConnection

from sunsweep.contract.payloads import OFFLINE
from tests.support.platform import Platform

VIEWER: Final = "viewer@example.com"
NEVER_MS: Final = 0
ONLINE: Final = "online"


class _Words(msgspec.Struct):
    """What is looked at in a frame's `data`."""

    ts: datetime | None = None
    seq: int | None = None
    boot: int | None = None
    presence: str | None = None
    since: datetime | None = None
    status: Any = None
    telemetry: Any = None


class _Frame(msgspec.Struct):
    type: str
    machine_id: str
    ts: datetime
    data: _Words


_frame: Final = msgspec.json.Decoder(_Frame)
_frames: Final = msgspec.json.Decoder(list[_Frame])


@dataclass
class Viewer:
    """Machine by machine the newest that was shown; latencies (ms) and gaps of what came since `forget`.

    Present is who has spoken after what was said of his presence, as in the app: no frame says so a second time.
    """

    bytes: int = 0
    frames: int = 0
    snapshots: int = 0
    comings: int = 0
    """Frames that say of a machine that it came or went."""
    lost: int = 0
    gaps: int = 0
    late_ms: list[float] = field(default_factory=list)
    presence: dict[str, str] = field(default_factory=dict)
    newest_ms: dict[str, int] = field(default_factory=dict)
    _since_ms: dict[str, int] = field(default_factory=dict)
    _seen: dict[tuple[str, int], int] = field(default_factory=dict)

    def forget(self) -> None:
        """A new stretch begins."""
        self.bytes = self.frames = self.lost = self.gaps = 0
        self.late_ms = []
        self._seen.clear()

    def right(self, machines: int, *, since_ms: int) -> bool:
        """Whether every machine is shown online, with a sample that was measured since then."""
        return (
            sum(word == ONLINE for word in self.presence.values()) == machines
            and sum(at_ms >= since_ms for at_ms in self.newest_ms.values()) == machines
        )

    async def watch(self, socket: ClientConnection) -> None:
        """Until the server closes the socket, which it must not."""
        async for text in socket:
            now = now_ms()
            self.bytes += len(text)
            data = text.encode() if isinstance(text, str) else text
            for frame in _frames.decode(data) if data.startswith(b"[") else (_frame.decode(data),):
                self._take(frame, now)
        raise RuntimeError(f"a viewer's socket was closed: {socket.close_code} {socket.close_reason}")

    def _take(self, frame: _Frame, now: int) -> None:
        self.frames += 1
        serial, words = frame.machine_id, frame.data
        at_ms = _ms(frame.ts)
        match frame.type:
            case "snapshot":
                self.snapshots += 1
                self._be(serial, words.presence or "", words.since)
            case "presence":
                self.comings += 1
                self._be(serial, words.presence or "", words.since)
            case "status" if words.status == OFFLINE:
                self._be(serial, OFFLINE, frame.ts)
            case "status":
                self._heard(serial, at_ms)
            case "telemetry":
                self._heard(serial, at_ms)
                self._sample(serial, words, now)
            case "lagged":
                self.lost += 1

    def _be(self, serial: str, word: str, since: datetime | None) -> None:
        since_ms = NEVER_MS if since is None else _ms(since)
        if since_ms >= self._since_ms.get(serial, NEVER_MS):
            self.presence[serial], self._since_ms[serial] = word, since_ms

    def _heard(self, serial: str, at_ms: int) -> None:
        if self.presence.get(serial) != ONLINE and at_ms > self._since_ms.get(serial, NEVER_MS):
            self.presence[serial], self._since_ms[serial] = ONLINE, at_ms

    def _sample(self, serial: str, words: _Words, now: int) -> None:
        if words.ts is None:
            return
        at_ms = _ms(words.ts)
        self.newest_ms[serial] = max(self.newest_ms.get(serial, NEVER_MS), at_ms)
        if words.boot is None or words.seq is None:
            return
        self.late_ms.append(now - at_ms)
        before = self._seen.get((serial, words.boot))
        if before is not None and words.seq > before + 1:
            self.gaps += words.seq - before - 1
        self._seen[serial, words.boot] = max(before or 0, words.seq)


def _ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


@asynccontextmanager
async def watching(platform: Platform, serial: str = "") -> AsyncIterator[Viewer]:
    """A viewer of one machine, or of the whole company in batches."""
    viewer = Viewer()
    async with (
        platform.watch(serial, as_=VIEWER, query="" if serial else "&batch=true") as socket,
        asyncio.TaskGroup() as tasks,
    ):
        looking = tasks.create_task(viewer.watch(socket), name=f"viewer-{serial or 'fleet'}")
        yield viewer
        looking.cancel()
