"""Which machines a filter means, as far as no database is needed for it."""

from sunsweep.server.db.models import Machine
from sunsweep.server.features.bulk.repository import Candidate
from sunsweep.server.features.bulk.selection import Selection

MACHINES = 100
NAMED = 5000


class Counted(str):
    """A serial that counts how often it is compared."""

    __slots__ = ()
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_thousands_of_serials_are_not_compared_with_every_machine() -> None:
    """Nobody else is served meanwhile."""
    fleet = [Machine(serial=Counted(f"SCM-{n}"), model="", tags="[]") for n in range(MACHINES)]
    candidates = [Candidate(machine, None, "offline") for machine in fleet]
    chosen = Selection(machine_ids=[f"OTHER-{n}" for n in range(NAMED - 1)] + ["SCM-7"])
    assert [one.machine.serial for one in chosen.meant(candidates)] == ["SCM-7"]
    assert Counted.comparisons < NAMED
