"""Machines as REST shows them."""

from typing import Annotated, Any

from msgspec import json
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from sunsweep.contract.times import iso
from sunsweep.contract.topics import SERIAL_PATTERN
from sunsweep.server.db.models import Machine, MachineStatus
from sunsweep.server.db.types import MAX_ID
from sunsweep.server.events import presence_data
from sunsweep.server.features.machines.attention_repository import Attention
from sunsweep.server.features.machines.current import Current, shown_status
from sunsweep.server.features.machines.service import OVERLAP_S

Name = Annotated[str, StringConstraints(max_length=120)]
Model = Annotated[str, StringConstraints(max_length=64)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Tags = Annotated[list[Tag], Field(max_length=32)]
Latitude = Annotated[float, Field(ge=-90, le=90, description="degrees north")]
Longitude = Annotated[float, Field(ge=-180, le=180, description="degrees east")]
Notes = Annotated[str, StringConstraints(max_length=4000)]
Interval = Annotated[int, Field(ge=1, le=86_400, description="seconds between two messages of this machine")]

_NONE = Attention()


class NewMachine(BaseModel):
    """A machine to add; `machine_id` is its serial number."""

    model_config = ConfigDict(extra="forbid")

    machine_id: Annotated[
        str,
        StringConstraints(pattern=rf"^{SERIAL_PATTERN}$"),
        Field(validation_alias=AliasChoices("machine_id", "serial")),
    ]
    company_id: Annotated[int | None, Field(ge=1, le=MAX_ID, description="as `?company_id=`")] = None
    name: Name = ""
    model: Model = ""
    tags: Tags = []
    lat: Latitude | None = None
    lon: Longitude | None = None
    expected_interval_s: Interval = 60


class MachineChange(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    enabled: bool | None = None
    model: Model | None = None
    tags: Tags | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    expected_interval_s: Interval | None = None
    notes: Notes | None = None

    @field_validator("name", "enabled", "model", "tags", "expected_interval_s", "notes", mode="before")
    @classmethod
    def not_cleared(cls, value: Any) -> Any:
        """Only a place can be taken away."""
        if value is None:
            raise ValueError("it cannot be null; leave it out to keep it")
        return value


class CredentialsWish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    overlap_s: Annotated[
        int, Field(ge=0, le=OVERLAP_S, description="seconds that the old logins are good; 0: they end at once")
    ] = OVERLAP_S


class Move(BaseModel):
    model_config = ConfigDict(extra="forbid")

    company_id: Annotated[int, Field(ge=1, le=MAX_ID, description="the company that the machine goes to")]


class MachineStatusOut(BaseModel):
    """The newest of a machine. `status` is its last word, `offline` once its will came."""

    machine_id: str
    status: str | None
    energy: float | None
    """Wh of the current run."""
    water: float | None
    """Litres of the current run."""
    area: float | None
    """m² of the current run."""
    status_extra: dict[str, Any]
    ts: str | None
    presence: str
    presence_since: str | None
    presence_cause: str
    heard_at: str | None
    software: str | None
    telemetry: dict[str, Any] | None
    """The newest sample as on the wire, and its `ts`."""


class OpenStop(BaseModel):
    """A stop that is not confirmed yet, given at `since`."""

    id: str
    command: str
    state: str
    since: str


class LastCommand(BaseModel):
    """The newest command; its state is of `at`."""

    id: str
    command: str
    state: str
    at: str


class MachineOut(BaseModel):
    """`refused_at`: when the newest message that could not be stored came, of the last 24 h."""

    machine_id: str
    company_id: int
    name: str
    model: str
    tags: list[str]
    lat: float | None
    lon: float | None
    enabled: bool
    expected_interval_s: int
    created_at: str
    current: MachineStatusOut
    open_stop: OpenStop | None
    last_command: LastCommand | None
    refused_at: str | None


class MachineDetail(MachineOut):
    """One machine, with what people have written of it."""

    notes: str


class Credentials(BaseModel):
    """A login at the broker; the password is shown this once."""

    machine_id: str
    company_id: int
    mqtt_username: str
    mqtt_password: str
    brokers: list[str]
    """URLs, to be tried in turn."""


class NewMachineOut(MachineDetail, Credentials):
    """The new machine with its login."""


class MachinePage(BaseModel):
    items: list[MachineOut]
    next_cursor: str | None


def machine_out(machine: Machine, status: MachineStatus | None, attention: Attention = _NONE) -> MachineOut:
    """A machine as lists show it."""
    return MachineOut(**_out(machine, status, attention))


def machine_detail(machine: Machine, status: MachineStatus | None, attention: Attention = _NONE) -> MachineDetail:
    """A machine by itself; a new one has been told nothing yet."""
    return MachineDetail(**_out(machine, status, attention), notes=machine.notes)


def _out(machine: Machine, status: MachineStatus | None, attention: Attention) -> dict[str, Any]:
    stop, last, refused_at = attention
    return {
        "machine_id": machine.serial,
        "company_id": machine.company_id,
        "name": machine.name,
        "model": machine.model,
        "tags": json.decode(machine.tags),
        "lat": machine.lat,
        "lon": machine.lon,
        "enabled": machine.enabled,
        "expected_interval_s": machine.expected_interval_s,
        "created_at": iso(machine.created_at),
        "current": status_out(machine.serial, status),
        "open_stop": stop and OpenStop(id=stop.id, command=stop.command, state=stop.state, since=iso(stop.issued_at)),
        "last_command": last
        and LastCommand(id=last.id, command=last.command, state=last.state, at=iso(last.changed_at)),
        "refused_at": None if refused_at is None else iso(refused_at),
    }


def status_out(serial: str, row: MachineStatus | None) -> MachineStatusOut:
    """The newest state; a machine that was never heard is offline."""
    if row is None:
        row = MachineStatus(presence="offline", presence_since=0, presence_cause="never_heard", heard_at=0)
    presence = presence_data(row.presence, row.presence_since, row.presence_cause)
    return MachineStatusOut(
        machine_id=serial,
        status=shown_status(row),
        energy=row.energy,
        water=row.run_water,
        area=row.area,
        status_extra=json.decode(row.status_extra) if row.status_extra else {},
        ts=iso(row.status_at) if row.status_at else None,
        presence=row.presence,
        presence_since=presence["since"],
        presence_cause=row.presence_cause,
        heard_at=iso(row.heard_at) if row.heard_at else None,
        software=row.software,
        telemetry=telemetry_data(row),
    )


def telemetry_data(row: MachineStatus | Current) -> dict[str, Any] | None:
    """The newest sample in the shape of the wire."""
    if row.telemetry_at is None:
        return None
    known = {name: getattr(row, name) for name in ("battery", "solar_v", "solar_a", "water")}
    sample: dict[str, Any] = {name: value for name, value in known.items() if value is not None}
    if row.telemetry_extra:
        sample["extra"] = json.decode(row.telemetry_extra)
    return {**sample, "ts": iso(row.telemetry_at)}


def status_data(row: MachineStatus | Current) -> dict[str, Any] | None:
    """The newest state in the shape of the wire."""
    if row.status_at is None:
        return None
    known = {"status": shown_status(row), "energy": row.energy, "water": row.run_water, "area": row.area}
    said: dict[str, Any] = {name: value for name, value in known.items() if value is not None}
    return {**(json.decode(row.status_extra) if row.status_extra else {}), **said, "ts": iso(row.status_at)}
