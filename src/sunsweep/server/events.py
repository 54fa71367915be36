"""The backend's internal news about machines, over the broker: what joins processes that share nothing else."""

from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import msgspec

from sunsweep.contract.codec import encode_object
from sunsweep.contract.commands import is_stop_like
from sunsweep.contract.refusal import Reason, Refused
from sunsweep.contract.times import iso, to_ms
from sunsweep.contract.topics import Event, EventTopic
from sunsweep.mqtt.port import Client, NotConnectedError


class PresenceChange(NamedTuple):
    """A machine came, or went."""

    company_id: int
    serial: str
    presence: str
    since_ms: int
    cause: str


class CommandChange(NamedTuple):
    """A command has a new state."""

    id: str
    state: str
    reason: str
    at_ms: int


async def publish(client: Client, topic: EventTopic, data: object) -> None:
    """Tell once, to whoever listens now; the database, not this, is what is remembered."""
    try:
        await client.publish(str(topic), encode_object(data))
    except NotConnectedError:
        return


async def publish_wake(client: Client, company_id: int, serial: str, command: str) -> None:
    """Tell `dispatch` that a command waits; it finds by itself what it was not told of."""
    with suppress(NotConnectedError):
        await client.publish(*wake_message(company_id, serial, command))


async def publish_presence(client: Client, change: PresenceChange) -> None:
    """Tell the viewers that a machine came or went."""
    topic = EventTopic(change.company_id, change.serial, Event.PRESENCE)
    await publish(client, topic, presence_data(change.presence, change.since_ms, change.cause))


async def publish_change(client: Client, company_id: int, serial: str, change: CommandChange) -> None:
    """Tell the viewers of a command's new state."""
    await publish(client, EventTopic(company_id, serial, Event.COMMAND_STATE), _change_data(change))


def change_message(company_id: int, serial: str, change: CommandChange) -> tuple[str, bytes]:
    """The same word as topic and payload, for whoever tells many at once."""
    return str(EventTopic(company_id, serial, Event.COMMAND_STATE)), encode_object(_change_data(change))


def wake_message(company_id: int, serial: str, command: str) -> tuple[str, bytes]:
    """Tells `dispatch` that this command waits for the machine; that it is a stop matters most."""
    return str(EventTopic(company_id, serial, Event.WAKE)), encode_object({"stop": is_stop_like(command)})


def is_about_stop(payload: bytes) -> bool:
    """What `wake_message` says of the command; of one that says nothing, that it is none."""
    try:
        return msgspec.json.decode(payload, type=_WakeData).stop
    except msgspec.DecodeError:
        return False


class Change(NamedTuple):
    """Which command has changed, and when."""

    id: str
    at_ms: int


def read_change(payload: bytes) -> Change:
    """What a `command_state` is about; raises `Refused`."""
    try:
        told = msgspec.json.decode(payload, type=_ChangeData)
    except msgspec.DecodeError as error:
        raise Refused(Reason.BAD_FIELD, str(error)) from error
    return Change(told.id, to_ms(told.changed_at))


class _ChangeData(msgspec.Struct):
    id: str
    changed_at: datetime


class _WakeData(msgspec.Struct):
    stop: bool = False


def _change_data(change: CommandChange) -> dict[str, str]:
    return {"id": change.id, "state": change.state, "reason": change.reason, "changed_at": iso(change.at_ms)}


def presence_data(presence: str, since_ms: int, cause: str) -> dict[str, str | None]:
    """Presence as REST and the live frames show it."""
    return {"presence": presence, "since": iso(since_ms) if since_ms else None, "cause": cause}


class Presence(NamedTuple):
    """Presence as an event tells it."""

    presence: str
    since_ms: int
    cause: str


class _PresenceData(msgspec.Struct):
    presence: str
    cause: str
    since: datetime | None


def read_presence(payload: bytes) -> Presence:
    """What `presence_data` has made; raises `Refused`."""
    try:
        told = msgspec.json.decode(payload, type=_PresenceData)
    except msgspec.DecodeError as error:
        raise Refused(Reason.BAD_FIELD, str(error)) from error
    return Presence(told.presence, to_ms(told.since) if told.since else 0, told.cause)
