"""The tenant filter: the one place that knows whose an object is.

A query on what companies own asks `owned`. One on what hangs on a machine names the machine, whose id came with a
machine that `owned` gave out; one on what hangs on a person names the person. What looks at the whole platform says so
and why: `platform_wide`. A test reads the code and fails where a query does none of this.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from sunsweep.server.db.models import (
    ApiKey,
    AuditEntry,
    Base,
    BulkRun,
    CommandRow,
    Company,
    DeadLetter,
    Machine,
    MachineModel,
    User,
)

OWNED: Final[dict[type[Base], InstrumentedAttribute[Any]]] = {
    Company: Company.id,
    User: User.company_id,
    ApiKey: ApiKey.company_id,
    AuditEntry: AuditEntry.company_id,
    DeadLetter: DeadLetter.company_id,
    Machine: Machine.company_id,
    MachineModel: MachineModel.company_id,
    BulkRun: BulkRun.company_id,
    CommandRow: CommandRow.company_id,
}
"""What companies own, and the column that says which of them."""

Function = TypeVar("Function", bound=Callable[..., Any])


def owned(model: type[Base], company_id: int | None) -> ColumnElement[bool]:
    """What is this company's; for None what is nobody's, which platform admins see."""
    return _is_of(OWNED[model], company_id)


def platform_wide(why: str) -> Callable[[Function], Function]:
    """Mark a query that is of no company, such as that of a login, which finds out whose it is; `why` is read there."""
    if not why:
        raise ValueError("say why this query may see every company")
    return lambda function: function


def _is_of(column: InstrumentedAttribute[Any], company_id: int | None) -> ColumnElement[bool]:
    return column == company_id
