"""One machine as it is now, folded from rows of the API and frames of the sockets, in whatever order they come."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sunsweep.app.live.command_now import CommandNow, newer
from sunsweep.app.live.readings import Readings, sampled, take
from sunsweep.app.net.server_clock import read_ms
from sunsweep.contract.commands import is_stop_like

Json = Mapping[str, Any]

MOST_COMMANDS: Final = 50
"""Whose newest state is kept for a machine; their ids are in the order of the commands."""
_RUN: Final = ("energy", "water", "area")
_OF_STATUS: Final = frozenset({*_RUN, "status", "ts", "boot", "seq", "session", "account"})


class Presence(NamedTuple):
    """Whether it is here, since when (ms), and why that is said."""

    presence: str
    since_ms: int | None
    cause: str


class MachineNow:
    """Who a machine is, and the newest of it. Every value has its time, and none is passed by an older one."""

    __slots__ = (
        "_now_ms",
        "_spoke_ms",
        "_told",
        "commands",
        "company_id",
        "created_ms",
        "enabled",
        "expected_interval_s",
        "heard_ms",
        "is_known",
        "lat",
        "lon",
        "lost",
        "machine_id",
        "model",
        "name",
        "notes",
        "open_stop_id",
        "refused_ms",
        "run",
        "said",
        "sample",
        "sample_ms",
        "status",
        "status_ms",
        "tags",
    )

    def __init__(self, machine_id: str, now_ms: Callable[[], int]) -> None:
        """`now_ms` is the server's time: what a machine with a wrong clock says was not measured later than now."""
        self._now_ms = now_ms
        self.machine_id = machine_id
        self.is_known = False
        """Whether the API has said who it is; until then it is only a serial number on a frame."""
        self.company_id: int | None = None
        self.name = ""
        self.model = ""
        self.notes = ""
        self.tags: tuple[str, ...] = ()
        self.lat: float | None = None
        self.lon: float | None = None
        self.enabled = True
        self.expected_interval_s = 60
        self.created_ms: int | None = None
        self._told = Presence("offline", None, "never_heard")
        self._spoke_ms = 0
        """Of the newest frame that is its own words."""
        self.heard_ms: int | None = None
        self.status: str | None = None
        """Its last word on its work, as it was said; a farewell is presence and leaves it as it was."""
        self.status_ms: int | None = None
        self.said: Readings = {}
        """What else its statuses say, like `outbox` and `software`."""
        self.sample: Readings = {}
        """V, V, A, % and whatever else it measures."""
        self.sample_ms: int | None = None
        self.run: Readings = {}
        """Of the current run: `energy` Wh, `water` l, `area` m²."""
        self.refused_ms: int | None = None
        self.open_stop_id: str | None = None
        self.commands: dict[str, CommandNow] = {}
        self.lost = 0
        """Frames that were left out because we were too slow, since the page was opened."""

    @property
    def _presence_now(self) -> Presence:
        """Who has spoken since is here: the server says so once, and that may have been missed."""
        told = self._told
        has_spoken = told.presence != "online" and self._spoke_ms > (told.since_ms or 0)
        return Presence("online", self._spoke_ms, "heard") if has_spoken else told

    @property
    def presence(self) -> str:
        return self._presence_now.presence

    @property
    def presence_ms(self) -> int | None:
        """Since when."""
        return self._presence_now.since_ms

    @property
    def presence_cause(self) -> str:
        return self._presence_now.cause

    @property
    def open_stop(self) -> CommandNow | None:
        """A stop that nobody has confirmed yet."""
        return None if self.open_stop_id is None else self.commands.get(self.open_stop_id)

    @property
    def last_command(self) -> CommandNow | None:
        return self.commands[max(self.commands)] if self.commands else None

    @property
    def lacks_words(self) -> bool:
        """Whether it, or a command of it, is known by its id only: the API has to be asked."""
        if not self.is_known:
            return True
        last = self.last_command
        return last is not None and not last.command

    # -- rows of the API

    def take_row(self, row: Json, *, asked_ms: int) -> None:
        """A machine of `GET /machines`, asked for at `asked_ms`: what has happened since, it may not know yet."""
        self.is_known = True
        self.company_id = row["company_id"]
        self.name, self.model, self.tags = row["name"], row["model"], tuple(row["tags"])
        self.notes = row.get("notes") or ""
        self.lat, self.lon, self.enabled = row["lat"], row["lon"], row["enabled"]
        self.expected_interval_s = row["expected_interval_s"]
        self.created_ms = read_ms(row["created_at"])
        self.refused_ms = read_ms(row.get("refused_at"))
        self.take_status_row(row["current"])
        self._take_standing(row.get("open_stop"), row.get("last_command"), asked_ms)

    def take_status_row(self, current: Json) -> None:
        """The newest state of `GET /machines/{machine_id}/status`."""
        at_ms = read_ms(current["ts"])
        if at_ms is not None:
            known = {name: current[name] for name in ("status", "software", *_RUN)}
            self._take_status({**current["status_extra"], **known}, at_ms)
        self._take_presence(current["presence"], read_ms(current["presence_since"]), current["presence_cause"])
        self._heard(read_ms(current["heard_at"]))
        self._take_sample(current["telemetry"])

    def take_command(self, command: Json) -> None:
        """A command of the API, also the answer to one that was just given."""
        told = _command(command, command["changed_at"])
        self._know(told)
        if command.get("open"):
            self._open(told.id)
        elif self.open_stop_id == told.id:
            self.open_stop_id = None

    # -- frames

    def take_frame(self, frame: Json) -> bool:
        """Whether it was of use; frames of types that are not known here are passed over."""
        handler = _HANDLERS.get(frame["type"])
        data = frame.get("data")
        if handler is None or not isinstance(data, dict):
            return False
        handler(self, data, min(read_ms(frame.get("ts")) or 0, self._now_ms()))
        return True

    def _snapshot(self, data: Json, at_ms: int) -> None:
        status = data.get("status")
        if isinstance(status, dict) and (said_ms := read_ms(status.get("ts"))) is not None:
            self._take_status(status, min(said_ms, self._now_ms()))
        self._take_sample(data.get("telemetry"))
        self._take_presence(data["presence"], read_ms(data["since"]), data["cause"])
        self._heard(read_ms(data.get("heard_at")))
        if "open_stop" in data or "last_command" in data:
            self._take_standing(data.get("open_stop"), data.get("last_command"), at_ms)

    def _telemetry(self, data: Json, at_ms: int) -> None:
        self._spoke(at_ms)
        self._sampled(data, at_ms)

    def _sampled(self, data: Json, at_ms: int) -> None:
        take(self.sample, sampled(data), at_ms)
        if self.sample_ms is None or at_ms > self.sample_ms:
            self.sample_ms = at_ms
        self._heard(at_ms)

    def _status(self, data: Json, at_ms: int) -> None:
        self._take_status(data, at_ms)
        if _is_farewell(data.get("status")):
            self._take_presence("offline", at_ms, "status")
        else:
            self._spoke(at_ms)

    def _presence(self, data: Json, _at_ms: int) -> None:
        self._take_presence(data["presence"], read_ms(data["since"]), data["cause"])

    def _command(self, data: Json, at_ms: int) -> None:
        if isinstance(data.get("id"), str):
            told = CommandNow(data["id"], str(data.get("command", "")), "sent", at_ms)
            self._know(told)
            if is_stop_like(told.command):
                self._open(told.id)

    def _command_state(self, data: Json, _at_ms: int) -> None:
        self._know(_command(data, data["changed_at"]))

    def _result(self, _data: Json, at_ms: int) -> None:
        """What it means for the command comes as its state."""
        self._spoke(at_ms)

    def _lagged(self, data: Json, _at_ms: int) -> None:
        self.lost += int(data.get("lost", 0))

    # -- folding

    def _take_status(self, data: Json, at_ms: int) -> None:
        """A status changes only what it carries."""
        said = data.get("status")
        if isinstance(said, str) and said.strip() and not _is_farewell(said) and at_ms >= (self.status_ms or 0):
            self.status, self.status_ms = said, at_ms
        take(self.run, ((name, data.get(name)) for name in _RUN), at_ms)
        take(self.said, ((name, value) for name, value in data.items() if name not in _OF_STATUS), at_ms)

    def _take_sample(self, sample: Json | None) -> None:
        if isinstance(sample, dict) and (at_ms := read_ms(sample.get("ts"))) is not None:
            self._sampled(sample, min(at_ms, self._now_ms()))

    def _take_presence(self, presence: str, since_ms: int | None, cause: str) -> None:
        if (since_ms or 0) >= (self._told.since_ms or 0):
            self._told = Presence(presence, since_ms, cause)

    def _spoke(self, at_ms: int) -> None:
        self._spoke_ms = max(self._spoke_ms, at_ms)
        self._heard(at_ms)

    def _heard(self, at_ms: int | None) -> None:
        if at_ms is not None and at_ms > (self.heard_ms or 0):
            self.heard_ms = at_ms

    def _take_standing(self, open_stop: Json | None, last: Json | None, asked_ms: int) -> None:
        if last is not None:
            self._know(_command(last, last["at"]))
        if open_stop is not None:
            self._know(_command(open_stop, open_stop["since"]))
            self._open(open_stop["id"])
        elif (known := self.open_stop) is None or known.at_ms < asked_ms:
            self.open_stop_id = None

    def _know(self, told: CommandNow) -> None:
        known = self.commands.get(told.id)
        now = self.commands[told.id] = told if known is None else newer(known, told)
        if now.has_ended and self.open_stop_id == told.id:
            self.open_stop_id = None
        if len(self.commands) > MOST_COMMANDS:
            del self.commands[min(one for one in self.commands if one != self.open_stop_id)]

    def _open(self, command_id: str) -> None:
        known = self.commands.get(command_id)
        self.open_stop_id = command_id if known is not None and not known.has_ended else None


def _command(told: Json, at: str | None) -> CommandNow:
    return CommandNow(told["id"], told.get("command") or "", told["state"], read_ms(at) or 0, told.get("reason") or "")


def _is_farewell(status: Any) -> bool:
    return isinstance(status, str) and status.strip().casefold() == "offline"


_HANDLERS: Final[Mapping[str, Callable[[MachineNow, Json, int], None]]] = {
    "snapshot": MachineNow._snapshot,  # noqa: SLF001  its own
    "telemetry": MachineNow._telemetry,  # noqa: SLF001
    "status": MachineNow._status,  # noqa: SLF001
    "presence": MachineNow._presence,  # noqa: SLF001
    "command": MachineNow._command,  # noqa: SLF001
    "command_state": MachineNow._command_state,  # noqa: SLF001
    "result": MachineNow._result,  # noqa: SLF001
    "lagged": MachineNow._lagged,  # noqa: SLF001
}
