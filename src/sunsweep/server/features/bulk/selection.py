"""Which machines of a company are meant."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from msgspec import json
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from sunsweep.contract.topics import SERIAL_PATTERN
from sunsweep.server.features.bulk.repository import Candidate
from sunsweep.server.features.catalogue.effects import plain

_Serial = Annotated[str, StringConstraints(pattern=rf"^{SERIAL_PATTERN}$")]
_Words = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Selection(BaseModel):
    """A filter: a machine has to fit every word of it. `{"all":true}`, which stands alone, is the whole company."""

    model_config = ConfigDict(extra="forbid")

    machine_ids: Annotated[
        list[_Serial] | None, Field(min_length=1, max_length=5000, description="serial numbers: one of these")
    ] = None
    tags: Annotated[list[_Words] | None, Field(min_length=1, max_length=32, description="it has all of these")] = None
    model: Annotated[str | None, Field(max_length=64, description="it is of this model")] = None
    state: Annotated[
        list[_Words] | None,
        Field(
            min_length=1,
            max_length=32,
            description="its newest status is one of these; case, blanks and dashes do not count",
        ),
    ] = None
    presence: Literal["online", "stale", "offline"] | None = None
    all: Annotated[Literal[True] | None, Field(description="every machine of the company")] = None

    @model_validator(mode="after")
    def means_some(self) -> Self:
        """An empty filter is more likely forgotten than meant."""
        words = self.model_dump(exclude_none=True)
        if not words:
            raise ValueError('an empty filter means no machine; for every machine say {"all": true}')
        if self.all and len(words) > 1:
            raise ValueError("all stands alone: every machine of the company")
        if any(plain(state) is None for state in self.state or ()):
            raise ValueError("state is a machine's own word; ask for machines that are offline by presence")
        return self

    def meant(self, found: Iterable[Candidate]) -> list[Candidate]:
        """Those of these machines that fit; sets, for thousands of serials meet thousands of machines in one go."""
        serials, tags = set(self.machine_ids or ()), set(self.tags or ())
        states = {plain(state) for state in self.state or ()}
        return [
            one
            for one in found
            if (not serials or one.machine.serial in serials)
            and (self.model is None or one.machine.model == self.model)
            and (self.presence is None or one.presence == self.presence)
            and (not states or plain(one.status) in states)
            and (not tags or tags <= set(json.decode(one.machine.tags)))
        ]

    def unknown(self, found: list[Candidate]) -> list[str]:
        """Serials that were named, and that no machine which is meant has."""
        serials = {one.machine.serial for one in found}
        return [serial for serial in dict.fromkeys(self.machine_ids or ()) if serial not in serials]
