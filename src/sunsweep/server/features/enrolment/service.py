"""Enrolment: a code for a machine, and the machine's new login for the code."""

from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import Machine
from sunsweep.server.errors import MachineDisabledError, NotFoundError
from sunsweep.server.features.enrolment import codes, repository
from sunsweep.server.features.machines import service as machines
from sunsweep.server.features.machines.service import Login

DEFAULT_LIFE_S: Final = 3600
MAX_LIFE_S: Final = 7 * 86_400
MIN_LIFE_S: Final = 60


class Issued(NamedTuple):
    """The code is shown this once."""

    code: str
    expires_at: int


async def issue(session: AsyncSession, machine: Machine, *, life_s: int = DEFAULT_LIFE_S, now_ms: int) -> Issued:
    """A new code, which ends an older one; raises `MachineDisabledError`. The machine's row is locked."""
    if not machine.enabled:
        raise MachineDisabledError(f"machine {machine.serial} is disabled; enable it first")
    code, expires_at = codes.draw(), now_ms + life_s * 1000
    await repository.replace(session, machine.id, digest=codes.digest(code), expires_at=expires_at)
    return Issued(code, expires_at)


async def redeem(session: AsyncSession, code: str, *, now_ms: int) -> tuple[Machine, Login]:
    """Spend the code for a new login of its machine; raises `NotFoundError`, the same for all that are not good."""
    digest = codes.digest(code)
    machine = await repository.machine_of(session, digest, now_ms=now_ms)
    if machine is None or not await repository.spend(session, digest):
        raise NotFoundError("this code is wrong, used or expired; ask for a new one")
    return machine, await machines.rotate(session, machine, now_ms=now_ms)
