"""SQL of commands."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.commands import STOP_RANK
from sunsweep.server.db.models import ApiKey, BulkRun, BulkTarget, CommandEvent, CommandRow, Company, Machine, User
from sunsweep.server.db.tenancy import owned, platform_wide
from sunsweep.server.features.commands.lifecycle import State

_STOPS = [str(order) for order in STOP_RANK]
_RANKS = sorted(STOP_RANK.values())
_UNDER_WAY = frozenset({State.QUEUED, State.SENT, State.ACCEPTED, State.RUNNING})


class Sought(NamedTuple):
    """A page of commands, the newest first: older than `before`, in one of the states, open or not, of runs or not."""

    before: str = ""
    limit: int = 50
    states: Collection[State] = ()
    open: bool | None = None
    bulk: bool | None = None

    @property
    def is_of_few(self) -> bool:
        """Whether there are but a few of them, however long the history: they are found by their machines."""
        return bool(self.open) or (bool(self.states) and _UNDER_WAY.issuperset(self.states))

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        found = []
        if self.before:
            found.append(CommandRow.id < self.before)
        if self.states:
            found.append(CommandRow.state.in_(self.states))
        if self.open is not None:
            # By its ranks: of what is greater than 0 no index would give one machine's.
            found.append(CommandRow.holds.in_(_RANKS) if self.open else CommandRow.holds == 0)
        if self.bulk is not None:
            found.append(_of_a_run() if self.bulk else ~_of_a_run())
        return found


@platform_wide("of commands that the query around it names")
def _of_a_run() -> ColumnElement[bool]:
    """Whether a bulk run gave the command."""
    return select(BulkTarget.command_id).where(BulkTarget.command_id == CommandRow.id).exists()


async def by_id(session: AsyncSession, machine_id: int, command_id: str, *, lock: bool = False) -> CommandRow | None:
    query = select(CommandRow).where(CommandRow.machine_id == machine_id, CommandRow.id == command_id)
    return await session.scalar(query.with_for_update() if lock else query)


async def by_idempotency_key(session: AsyncSession, machine_id: int, key: str) -> CommandRow | None:
    query = select(CommandRow).where(CommandRow.machine_id == machine_id, CommandRow.idempotency_key == key)
    return await session.scalar(query)


async def overtaken_by(session: AsyncSession, machine_id: int, command_id: str) -> str | None:
    """The newest stop-like command that was given after this one."""
    query = select(CommandRow.command).where(
        CommandRow.machine_id == machine_id, CommandRow.id > command_id, CommandRow.command.in_(_STOPS)
    )
    return await session.scalar(query.order_by(CommandRow.id.desc()).limit(1))


async def page(session: AsyncSession, machine_id: int, sought: Sought) -> Sequence[CommandRow]:
    query = select(CommandRow).where(CommandRow.machine_id == machine_id, *sought.conditions)
    return (await session.scalars(query.order_by(CommandRow.id.desc()).limit(sought.limit))).all()


async def company_page(session: AsyncSession, company_id: int, sought: Sought) -> Sequence[Row[CommandRow, str]]:
    """Those of all machines of a company that are not archived, with their serials."""
    living = (owned(Machine, company_id), Machine.archived_at.is_(None))
    # Neither a join nor MySQL's own choice: it would sort a company's commands for a page, or read everybody's.
    serial = select(Machine.serial).where(*living, Machine.id == CommandRow.machine_id).scalar_subquery()
    query = select(CommandRow, serial).where(serial.is_not(None), *sought.conditions)
    if sought.is_of_few:
        query = query.where(CommandRow.machine_id.in_(select(Machine.id).where(*living)))
    else:
        in_order = "FORCE INDEX (ix_command_company_id_id)"
        query = query.where(owned(CommandRow, company_id)).with_hint(CommandRow, in_order, "mysql")
    return (await session.execute(query.order_by(CommandRow.id.desc()).limit(sought.limit))).all()


async def events(session: AsyncSession, machine_id: int, command_id: str) -> Sequence[CommandEvent]:
    """The life of a command in the order of time."""
    query = (
        select(CommandEvent)
        .join(CommandRow, CommandRow.id == CommandEvent.command_id)
        .where(CommandRow.machine_id == machine_id, CommandRow.id == command_id)
    )
    return (await session.scalars(query.order_by(CommandEvent.id))).all()


@platform_wide("of commands that are shown already")
async def bulk_ids(session: AsyncSession, command_ids: Collection[str]) -> dict[str, str]:
    """By command, the bulk run that gave it; those given singly are not among them."""
    query = select(BulkTarget.command_id, BulkTarget.bulk_id).where(BulkTarget.command_id.in_(command_ids))
    return {command_id: bulk_id for command_id, bulk_id in await session.execute(query) if command_id}


async def command_life_s(session: AsyncSession, company_id: int) -> int | None:
    """For how long a company's commands may wait; None: the platform's value."""
    return await session.scalar(select(Company.command_life_s).where(owned(Company, company_id)))


@platform_wide("who gave commands that are shown already, a platform admin perhaps")
async def emails(session: AsyncSession, user_ids: Collection[int]) -> dict[int, str]:
    query = select(User.id, User.email).where(User.id.in_(user_ids))
    return dict((await session.execute(query)).all())


async def key_names(session: AsyncSession, company_id: int, key_ids: Collection[int]) -> dict[int, str]:
    query = select(ApiKey.id, ApiKey.name).where(owned(ApiKey, company_id), ApiKey.id.in_(key_ids))
    return dict((await session.execute(query)).all())


@platform_wide("a caller's own orders, whosever the machines are")
async def starts_since(
    session: AsyncSession, *, user_id: int | None, key_id: int | None, since_ms: int, most: int
) -> list[int]:
    """When the caller gave a start-like command or a bulk run of one, the newest first; of a bulk run once."""
    by, run_by = CommandRow.issued_by == user_id, BulkRun.issued_by == user_id
    if user_id is None:
        by, run_by = CommandRow.issued_by_key == key_id, BulkRun.issued_by_key == key_id
    singles = (
        select(CommandRow.issued_at)
        .where(by, CommandRow.issued_at > since_ms, CommandRow.command.not_in(_STOPS), ~_of_a_run())
        .order_by(CommandRow.issued_at.desc())
    )
    runs = (
        select(BulkRun.issued_at)
        .where(run_by, BulkRun.issued_at > since_ms, BulkRun.command.not_in(_STOPS))
        .order_by(BulkRun.issued_at.desc())
    )
    found = [*await session.scalars(singles.limit(most)), *await session.scalars(runs.limit(most))]
    return sorted(found, reverse=True)[:most]
