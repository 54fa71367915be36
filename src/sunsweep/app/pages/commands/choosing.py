"""Which machines are meant, and what is asked of the server for them. No controls in here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from sunsweep.app.addresses import address, all_asked, asked
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.parameters import Value


class How(StrEnum):
    """How machines are chosen."""

    FILTER = "filter"
    CHOSEN = "chosen"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the first part of the form says. All that is set holds at once; a machine has all of the tags."""

    how: How = How.FILTER
    tags: frozenset[str] = frozenset()
    model: str = ""
    status: str = ""
    presence: str = ""
    machine_ids: frozenset[str] = frozenset()

    @property
    def filter(self) -> dict[str, Any] | None:
        """The API's filter; None while it means nobody."""
        if self.how is How.ALL:
            return {"all": True}
        if self.how is How.CHOSEN:
            return {"machine_ids": sorted(self.machine_ids)} if self.machine_ids else None
        said: dict[str, Any] = {}
        if self.tags:
            said["tags"] = sorted(self.tags)
        if self.model:
            said["model"] = self.model
        if self.status:
            said["state"] = [self.status]
        if self.presence:
            said["presence"] = self.presence
        return said or None

    def means(self, machine: MachineNow) -> bool:
        """Whether the machine is meant, by what this page knows of it; the dry run is the server's word."""
        if self.filter is None or self.how is How.ALL:
            return self.how is How.ALL
        if self.how is How.CHOSEN:
            return machine.machine_id in self.machine_ids
        return (
            self.tags <= set(machine.tags)
            and (not self.model or machine.model == self.model)
            and (not self.status or plain(machine.status) == plain(self.status))
            and (not self.presence or machine.presence == self.presence)
        )

    def with_tag(self, tag: str) -> "Choice":
        """The tag is chosen, or is not any more."""
        return replace(self, tags=self.tags ^ {tag})

    def with_machine(self, machine_id: str) -> "Choice":
        """The machine is chosen, or is not any more."""
        return replace(self, machine_ids=self.machine_ids ^ {machine_id})


def plain(status: str | None) -> str:
    """As the platform compares statuses: case, blanks and dashes do not count."""
    return "".join(letter for letter in (status or "").casefold() if letter.isalnum())


def choice_of(route: str) -> tuple[Choice, str]:
    """What an address asks for, and the command: `/commands/new?machine=SUN-1&machine=SUN-2&command=pause`."""
    machine_ids = frozenset(all_asked(route, "machine"))
    how = How.CHOSEN if machine_ids else How.ALL if asked(route, "all") else How.FILTER
    model, status, presence = (asked(route, name) for name in ("model", "status", "presence"))
    tags = frozenset(all_asked(route, "tag"))
    return Choice(how, tags, model, status, presence, machine_ids), asked(route, "command")


def address_of(choice: Choice, command: str) -> str:
    """The address that `choice_of` reads."""
    said: dict[str, str | list[str]]
    if choice.how is How.ALL:
        said = {"all": "1"}
    elif choice.how is How.CHOSEN:
        said = {"machine": sorted(choice.machine_ids)}
    else:
        said = {
            "tag": sorted(choice.tags),
            "model": choice.model,
            "status": choice.status,
            "presence": choice.presence,
        }
    return address("/commands/new", **said, command=command)


@dataclass(frozen=True, slots=True)
class Facets:
    """What machines can be filtered by, in alphabetical order."""

    tags: tuple[str, ...]
    models: tuple[str, ...]
    statuses: tuple[str, ...]


def facets(machines: Iterable[MachineNow]) -> Facets:
    """Of these machines; two spellings of one status are one."""
    tags: set[str] = set()
    models: set[str] = set()
    statuses: dict[str, str] = {}
    for machine in machines:
        tags.update(machine.tags)
        if machine.model:
            models.add(machine.model)
        if key := plain(machine.status):
            statuses.setdefault(key, machine.status or "")
    statuses.pop("offline", None)
    return Facets(tuple(sorted(tags)), tuple(sorted(models)), tuple(sorted(statuses.values())))


SHOWN: Final = 30
"""Machines to choose from at once; a search narrows them down."""


def found(machines: Mapping[str, MachineNow], words: str) -> list[MachineNow]:
    """Those of which serial, name or a tag has all of the words, by serial; `SHOWN` at most."""
    sought = words.casefold().split()
    hits = []
    for machine_id in sorted(machines):
        machine = machines[machine_id]
        text = " ".join((machine.machine_id, machine.name, *machine.tags)).casefold()
        if all(word in text for word in sought):
            hits.append(machine)
            if len(hits) == SHOWN:
                break
    return hits


@dataclass(frozen=True, slots=True)
class Terms:
    """All that a dry run is about, and its confirmation good for."""

    command: str
    filter: Mapping[str, Any]
    params: Mapping[str, Value] = field(default_factory=dict)
    expires_in: int | None = None
    """Seconds."""
    stage_size: int | None = None
    abort_after: int | None = None

    @property
    def wish(self) -> dict[str, Any]:
        """The body of `POST /commands`."""
        said = {"expires_in": self.expires_in, "stage_size": self.stage_size, "abort_after": self.abort_after}
        body = {"command": self.command, "params": dict(self.params), "filter": dict(self.filter)}
        return body | {name: value for name, value in said.items() if value is not None}


def one_of_each_model(machines: Sequence[MachineNow], most: int = 8) -> dict[str, str]:
    """By model a machine of it: whose catalogue says what can be ordered."""
    found: dict[str, str] = {}
    for machine in machines:
        if machine.model not in found and len(found) < most:
            found[machine.model] = machine.machine_id
    return found
