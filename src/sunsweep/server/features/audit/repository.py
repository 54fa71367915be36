"""SQL of the audit log: entries are added and read, and nothing else."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import AuditEntry
from sunsweep.server.db.tenancy import owned


class Selection(NamedTuple):
    """Entries of one company, or (None) of the platform itself; what else is None leaves nothing out."""

    company_id: int | None
    actor: str | None = None
    action: str | None = None
    what: str | None = None
    outcome: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


async def add(session: AsyncSession, entry: AuditEntry) -> None:
    session.add(entry)
    await session.flush()


async def page(session: AsyncSession, which: Selection, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
    """The newest first."""
    query = select(AuditEntry).where(*_matching(which))
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return (await session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit))).all()


def _matching(which: Selection) -> list[ColumnElement[bool]]:
    tests = (
        owned(AuditEntry, which.company_id),
        None if which.actor is None else AuditEntry.actor == which.actor,
        None if which.action is None else AuditEntry.action == which.action,
        None if which.what is None else AuditEntry.object == which.what,
        None if which.outcome is None else AuditEntry.outcome == which.outcome,
        None if which.from_ms is None else AuditEntry.at >= which.from_ms,
        None if which.to_ms is None else AuditEntry.at < which.to_ms,
    )
    return [test for test in tests if test is not None]
