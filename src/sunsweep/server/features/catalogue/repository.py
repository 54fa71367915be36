"""SQL of what companies say of their machine models."""

from collections.abc import Collection, Sequence

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import Company, MachineModel
from sunsweep.server.db.tenancy import owned, platform_wide


async def of_company(session: AsyncSession, company_id: int, name: str) -> tuple[Company, str | None] | None:
    """The company, and its commands for the model; None where there is no such company."""
    query = (
        select(Company, MachineModel.name, MachineModel.commands)
        .outerjoin(MachineModel, and_(owned(MachineModel, company_id), MachineModel.name == name))
        .where(owned(Company, company_id))
    )
    row = (await session.execute(query)).first()
    return None if row is None else (row[0], row[2])


@platform_wide("dispatch reads back the commands of all companies")
async def of_kinds(
    session: AsyncSession, company_ids: Collection[int], names: Collection[str]
) -> dict[tuple[int, str], str]:
    """All of these companies' models of these names."""
    query = select(MachineModel.company_id, MachineModel.name, MachineModel.commands).where(
        MachineModel.company_id.in_(company_ids), MachineModel.name.in_(names)
    )
    return {(company_id, name): commands for company_id, name, commands in await session.execute(query)}


async def model(session: AsyncSession, company_id: int, name: str, *, lock: bool = False) -> MachineModel | None:
    query = select(MachineModel).where(owned(MachineModel, company_id), MachineModel.name == name)
    return await session.scalar(query.with_for_update() if lock else query)


async def page(session: AsyncSession, company_id: int, *, after: str, limit: int) -> Sequence[MachineModel]:
    """In the order of their names."""
    query = select(MachineModel).where(owned(MachineModel, company_id), MachineModel.name > after)
    return (await session.scalars(query.order_by(MachineModel.name).limit(limit))).all()
