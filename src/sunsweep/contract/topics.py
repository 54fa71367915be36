"""Topics: `company/{company_id}/machine/{machine_id}/{channel}`, and the backend's own `sunsweep/event/…`."""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from sunsweep.contract.limits import MAX_SERIAL_CHARS
from sunsweep.contract.refusal import Reason, Refused

SERIAL_PATTERN: Final = rf"[A-Za-z0-9_-]{{1,{MAX_SERIAL_CHARS}}}"
_SERIAL = re.compile(SERIAL_PATTERN)
_MACHINE_TOPIC = re.compile(
    rf"company/([1-9][0-9]{{0,17}})/machine/({SERIAL_PATTERN})/(telemetry|status|command|receipt|result)"
)
_EVENT_TOPIC = re.compile(
    rf"sunsweep/event/([1-9][0-9]{{0,17}})/({SERIAL_PATTERN})/(command|command_state|presence|wake)"
)


class Channel(StrEnum):
    """Last level of a machine's topic."""

    TELEMETRY = "telemetry"
    STATUS = "status"
    RESULT = "result"
    COMMAND = "command"
    RECEIPT = "receipt"


FROM_MACHINE: Final = (Channel.TELEMETRY, Channel.STATUS, Channel.RESULT)


class Event(StrEnum):
    """Kinds of the backend's internal events about one machine."""

    COMMAND = "command"
    COMMAND_STATE = "command_state"
    PRESENCE = "presence"
    WAKE = "wake"


class MachineTopic(NamedTuple):
    """A parsed topic of one machine."""

    company_id: int
    machine_id: str
    channel: Channel

    def __str__(self) -> str:
        return f"{machine_root(self.company_id, self.machine_id)}/{self.channel}"


class EventTopic(NamedTuple):
    """A parsed internal topic."""

    company_id: int
    machine_id: str
    event: Event

    def __str__(self) -> str:
        return f"sunsweep/event/{self.company_id}/{self.machine_id}/{self.event}"


def is_serial(text: str) -> bool:
    """Whether `text` may be a machine's serial number (case-sensitive, no wildcard, no blank)."""
    return _SERIAL.fullmatch(text) is not None


def machine_root(company_id: int, machine_id: str) -> str:
    """What a machine owns, without the last level."""
    return f"company/{company_id}/machine/{machine_id}"


def probe_topic(company_id: int, machine_id: str) -> str:
    """On which a machine may try out what it is allowed to do: no backend listens there."""
    return f"{machine_root(company_id, machine_id)}/check"


def is_machine_topic(topic: str) -> bool:
    """Whether it lies in the machines' part of the tree, well formed or not; the rest is internal."""
    return topic.startswith("company/")


def parse_machine_topic(topic: str) -> MachineTopic:
    """Read a machine's topic; raises `Refused` (bad_topic)."""
    match = _MACHINE_TOPIC.fullmatch(topic)
    if match is None:
        raise Refused(Reason.BAD_TOPIC, topic[:200])
    return MachineTopic(int(match[1]), match[2], Channel(match[3]))


def parse_event_topic(topic: str) -> EventTopic:
    """Read an internal topic; raises `Refused` (bad_topic)."""
    match = _EVENT_TOPIC.fullmatch(topic)
    if match is None:
        raise Refused(Reason.BAD_TOPIC, topic[:200])
    return EventTopic(int(match[1]), match[2], Event(match[3]))


def all_machines(channel: Channel) -> str:
    """The filter of one channel of every machine."""
    return f"company/+/machine/+/{channel}"


def shared(topic_filter: str) -> str:
    """The same filter, shared by the members of the backend's ingest: each message goes to one of them."""
    return f"$share/ingest/{topic_filter}"


def machine_rule(company_id: int, machine_id: str) -> str:
    """The filter a machine may use, to the letter of the customer's rule."""
    return f"{machine_root(company_id, machine_id)}/#"


def machine_events(company_id: int, machine_id: str) -> str:
    """The filter of the internal events about one machine."""
    return f"sunsweep/event/{company_id}/{machine_id}/+"


def all_events(event: Event) -> str:
    """The filter of one kind of internal event, all machines."""
    return f"sunsweep/event/+/+/{event}"


def company_machines(company_id: int, channel: Channel) -> str:
    """The filter of one channel of all machines of a company."""
    return f"company/{company_id}/machine/+/{channel}"


def company_events(company_id: int, event: Event) -> str:
    """The filter of one kind of internal event about all machines of a company."""
    return f"sunsweep/event/{company_id}/+/{event}"


BEYOND_A_MACHINE: Final = ("company/+/#", "#", "$share/doctor/company/+/#")
"""Filters that no machine may listen to. The group is nobody's: in the ingest's it would take messages away."""

CONNECTED: Final = "$SYS/brokers/+/clients/+/connected"
"""The filter of EMQX's word, one message a client, that it has let somebody in."""

ALL_EVENTS: Final = "sunsweep/event/#"
