"""The catalogue of a machine: what is built in, and what its company says of its model."""

from collections.abc import Collection
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import Company, MachineModel
from sunsweep.server.errors import ConflictError, NotFoundError
from sunsweep.server.features.catalogue import repository
from sunsweep.server.features.catalogue.effects import Effects
from sunsweep.server.features.catalogue.table import Own, check_order, check_own, decoded, effects_for, encoded

Kind = tuple[int, str]
"""(company id, model)."""


async def effects_of(session: AsyncSession, kinds: Collection[Kind]) -> dict[Kind, Effects]:
    """The table of each of these models."""
    companies, names = {company_id for company_id, _ in kinds}, {_name(model) for _, model in kinds}
    found = await repository.of_kinds(session, companies, names)
    return {kind: effects_for(decoded(found.get((kind[0], _name(kind[1]))))) for kind in kinds}


async def check(session: AsyncSession, kind: Kind, command: str, params: dict[str, Any]) -> None:
    """Raises `InvalidError` naming the field, before anything is sent."""
    company, own = await of_machine(session, kind)
    check_order(command, params, own, custom=company.custom_commands)


async def of_machine(session: AsyncSession, kind: Kind) -> tuple[Company, Own]:
    """A machine's company, and what that says of the machine's model; raises `NotFoundError`."""
    company_id, model = kind
    found = await repository.of_company(session, company_id, _name(model))
    if found is None:
        raise NotFoundError(f"there is no company {company_id}")
    return found[0], decoded(found[1])


async def known_model(session: AsyncSession, company_id: int, name: str, *, lock: bool = False) -> MachineModel:
    """Raises `NotFoundError`."""
    found = await repository.model(session, company_id, name, lock=lock)
    if found is None:
        raise NotFoundError(f"nothing is said of a machine model {name}")
    return found


async def put(session: AsyncSession, company_id: int, name: str, own: Own, *, now_ms: int) -> MachineModel:
    """In place of what was said before; raises `InvalidError`, `ConflictError`."""
    check_own(own)
    said = encoded(own)
    model = await repository.model(session, company_id, name, lock=True)
    if model is None:
        model = MachineModel(company_id=company_id, name=name)
        session.add(model)
    model.commands, model.changed_at = said, now_ms
    try:
        await session.flush()
    except IntegrityError as error:
        raise ConflictError(f"somebody else is adding the machine model {name}") from error
    return model


def _name(model: str) -> str:
    """As a machine has it: blanks around it do not count, and no database compares them differently then."""
    return model.strip()
