"""What a check is."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from sunsweep.server.doctor.findings import Finding
from sunsweep.server.doctor.surroundings import Surroundings

WITHIN_S: Final = 15.0

Look = Callable[[Surroundings], Awaitable[list[Finding]]]


class Check(NamedTuple):
    """`name` begins its lines; `about` tells what it looks at; after `within_s` it has failed."""

    name: str
    about: str
    look: Look
    within_s: float = WITHIN_S
