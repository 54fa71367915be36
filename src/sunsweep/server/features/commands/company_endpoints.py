"""The commands of a company's machines, all in one list."""

from fastapi import APIRouter

from sunsweep.server.features.commands import repository
from sunsweep.server.features.commands.repository import Sought
from sunsweep.server.features.commands.shapes import (
    CommandPage,
    Cursor,
    IsBulk,
    IsOpen,
    PageSize,
    States,
    page,
    shown,
)
from sunsweep.server.features.requests import CompanyId, ServicesOf

router = APIRouter(prefix="/commands", tags=["commands"])


@router.get("")
async def commands(
    company_id: CompanyId,
    held: ServicesOf,
    states: States = None,
    is_open: IsOpen = None,
    is_bulk: IsBulk = None,
    limit: PageSize = 50,
    cursor: Cursor = "",
) -> CommandPage:
    """The commands of all machines of the company, the newest first."""
    sought = Sought(cursor, limit + 1, states or (), is_open, is_bulk)
    async with held.database.read() as unit:
        rows = await repository.company_page(unit, company_id, sought)
        return page(await shown(unit, company_id, [(row, serial) for row, serial in rows]), limit)
