"""Machine models and catalogues as REST shows them."""

from typing import Annotated, Any, Self

from msgspec import to_builtins
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from sunsweep.contract.commands import is_stop_like
from sunsweep.contract.limits import MAX_COMMAND_CHARS, MAX_STATUS_CHARS
from sunsweep.contract.parameters import Kind, Parameter, schema
from sunsweep.contract.times import iso
from sunsweep.server.db.models import Machine, MachineModel
from sunsweep.server.features.catalogue.table import Known, OwnCommand, decoded

NAME_PATTERN = r"^[^/.\s\x00-\x1f\x7f]([^/\x00-\x1f\x7f]{0,62}[^/\s\x00-\x1f\x7f])?$"
"""What stands as one piece of a path, without blanks around it and without control characters."""

_Name = StringConstraints(pattern=rf"^[A-Za-z0-9_.-]{{1,{MAX_COMMAND_CHARS}}}$")
Bound = (
    Annotated[int, Field(ge=-(10**12), le=10**12, strict=True)]
    | Annotated[float, Field(ge=-1e12, le=1e12, strict=True)]
)
Choice = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Description = Annotated[str, StringConstraints(max_length=200)]
State = Annotated[str, StringConstraints(min_length=1, max_length=MAX_STATUS_CHARS)]


class ParameterShape(BaseModel):
    """A parameter: its limits, both included, are for numbers, `choices` for text."""

    model_config = ConfigDict(extra="forbid")

    type: Kind
    minimum: Bound | None = None
    maximum: Bound | None = None
    choices: Annotated[list[Choice], Field(max_length=64)] = []
    required: Annotated[bool, Field(strict=True)] = False
    unit: Annotated[str, StringConstraints(max_length=16)] = ""
    description: Description = ""

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        """Limits are of numbers and leave something between them; choices are of text."""
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        if bounds and self.type not in {Kind.INTEGER, Kind.NUMBER}:
            raise ValueError(f"minimum and maximum are for numbers, and this is {self.type}")
        if self.type is Kind.INTEGER and any(float(bound) != int(bound) for bound in bounds):
            raise ValueError("the limits of an integer are whole numbers")
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            raise ValueError("minimum is above maximum")
        if self.choices and self.type is not Kind.TEXT:
            raise ValueError(f"choices are for text, and this is {self.type}")
        return self

    def parameter(self) -> Parameter:
        return Parameter(**(self.model_dump() | {"choices": tuple(self.choices)}))


Params = Annotated[dict[Annotated[str, _Name], ParameterShape], Field(max_length=32)]


class CommandShape(BaseModel):
    """A command of a machine model; of a built-in one, what is null or left out stays as it is built in."""

    model_config = ConfigDict(extra="forbid")

    description: Description = ""
    params: Annotated[Params | None, Field(description="all that it takes, by name")] = None
    proved_by: Annotated[
        list[State] | None,
        Field(max_length=16, description="the states of a machine without results that prove it; none: nothing does"),
    ] = None

    def own(self) -> OwnCommand:
        params = None if self.params is None else {name: shape.parameter() for name, shape in self.params.items()}
        return OwnCommand(self.description, params, None if self.proved_by is None else tuple(self.proved_by))


class ModelWish(BaseModel):
    """What a company says of one of its machine models."""

    model_config = ConfigDict(extra="forbid")

    commands: Annotated[dict[Annotated[str, _Name], CommandShape], Field(max_length=64)]

    def own(self) -> dict[str, OwnCommand]:
        return {name: shape.own() for name, shape in self.commands.items()}


class ModelOut(BaseModel):
    model: str
    commands: dict[str, CommandShape]
    changed_at: str


class ModelPage(BaseModel):
    items: list[ModelOut]
    next_cursor: str | None


class CatalogueCommand(BaseModel):
    """A command that may be ordered: what a form for it needs to know."""

    command: str
    description: str
    built_in: bool
    stop_like: bool
    """It overtakes, cancels the starts that wait, never expires, and is sent until it is confirmed."""
    params: dict[str, ParameterShape]
    params_schema: dict[str, Any]
    """JSON Schema (2020-12) of `params`; `unit` in it is a word of our own."""
    proved_by: list[str]
    """The states that prove it on a machine that sends no results."""
    expires_in: int | None
    """Seconds that it waits for its machine where its giver does not say; null: it never expires."""


class Catalogue(BaseModel):
    """All that may be ordered from a machine; `custom_commands`: and anything else too, unchecked."""

    machine_id: str
    model: str
    custom_commands: bool
    commands: list[CatalogueCommand]


def model_out(row: MachineModel) -> ModelOut:
    said = {name: CommandShape.model_validate(to_builtins(own)) for name, own in decoded(row.commands).items()}
    return ModelOut(model=row.name, commands=said, changed_at=iso(row.changed_at))


def catalogue_out(machine: Machine, known: dict[str, Known], *, custom: bool, life_s: int) -> Catalogue:
    commands = [
        CatalogueCommand(
            command=name,
            description=found.description,
            built_in=found.built_in,
            stop_like=is_stop_like(name),
            params={key: ParameterShape.model_validate(to_builtins(one)) for key, one in found.params.items()},
            params_schema=schema(found.params),
            proved_by=list(found.proved_by),
            expires_in=None if is_stop_like(name) else life_s,
        )
        for name, found in known.items()
    ]
    return Catalogue(machine_id=machine.serial, model=machine.model, custom_commands=custom, commands=commands)
