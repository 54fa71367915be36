"""SQL of the doctor: what it asks of the platform, and how it takes its throwaway machines away again."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, and_, case, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.broker import kicks, logins
from sunsweep.server.db.models import (
    BrokerSync,
    CommandRow,
    Company,
    DirtyHour,
    Lease,
    LoginToKick,
    Machine,
    MachineCredential,
    MachineStatus,
    TelemetryRow,
    TopicsToClear,
)
from sunsweep.server.db.tenancy import platform_wide

_AT_ONCE: Final = 200
_PLATFORM: Final = "the doctor answers whoever runs the platform"


# -- the database itself


@platform_wide(_PLATFORM)
async def sqlite(session: AsyncSession) -> tuple[str, str]:
    """Its version, and how it keeps its journal."""
    version = (await session.execute(text("SELECT sqlite_version()"))).scalar_one()
    journal = (await session.execute(text("PRAGMA journal_mode"))).scalar_one()
    return str(version), str(journal)


@platform_wide(_PLATFORM)
async def mysql(session: AsyncSession) -> tuple[str, str]:
    """Its version, and the session's `sql_mode`."""
    version, modes = (await session.execute(text("SELECT VERSION(), @@SESSION.sql_mode"))).one()
    return str(version), str(modes)


@platform_wide(_PLATFORM)
async def variables(session: AsyncSession, names: Collection[str]) -> Mapping[str, str]:
    """MySQL's global variables of these names, in small letters; those that it does not know are missing."""
    listed = ",".join(f"'{name}'" for name in names)
    rows = await session.execute(text(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({listed})"))
    return {str(name).lower(): str(value) for name, value in rows}


@platform_wide(_PLATFORM)
async def mysql_clock_ms(session: AsyncSession) -> int:
    query = text("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)")
    return int((await session.execute(query)).scalar_one())


@platform_wide(_PLATFORM)
async def mysql_folder(session: AsyncSession) -> str:
    """Where its data lies, as it calls it."""
    return str((await session.execute(text("SELECT @@datadir"))).scalar_one())


# -- who works


@platform_wide(_PLATFORM)
async def held_leases(session: AsyncSession, names: Collection[str], *, now_ms: int) -> set[str]:
    query = select(Lease.name).where(Lease.name.in_(names), Lease.expires_at > now_ms)
    return set(await session.scalars(query))


@platform_wide(_PLATFORM)
async def broker_sync(session: AsyncSession) -> BrokerSync:
    return (await session.execute(select(BrokerSync))).scalar_one()


@platform_wide(_PLATFORM)
async def connected_too_long(session: AsyncSession, *, since_ms: int) -> int:
    """Logins that were taken away before, and whose sessions nobody has ended."""
    query = select(func.count()).where(LoginToKick.asked_at < since_ms)
    return (await session.execute(query)).scalar_one()


@platform_wide(_PLATFORM)
async def retained_too_long(session: AsyncSession, *, since_ms: int) -> int:
    """Machines that ended before, and whose topics nobody has cleared."""
    query = select(func.count()).where(TopicsToClear.asked_at < since_ms)
    return (await session.execute(query)).scalar_one()


# -- what grows and what waits


@platform_wide(_PLATFORM)
async def oldest_sample(session: AsyncSession, *, before_ms: int) -> int | None:
    """When one of the samples before that moment is from; machine by machine, for the key begins with it."""
    known = (await session.scalars(select(Machine.id).order_by(Machine.id))).all()
    for at in range(0, len(known), _AT_ONCE):
        mine = TelemetryRow.machine_id.in_(known[at : at + _AT_ONCE])
        query = select(func.min(TelemetryRow.ts)).where(mine, TelemetryRow.ts < before_ms)
        if (found := await session.scalar(query)) is not None:
            return int(found)
    return None


@platform_wide(_PLATFORM)
async def hours_to_count(session: AsyncSession) -> int:
    return (await session.execute(select(func.count()).select_from(DirtyHour))).scalar_one()


@platform_wide(_PLATFORM)
async def companies(session: AsyncSession) -> int:
    return (await session.execute(select(func.count()).select_from(Company))).scalar_one()


class LastWord(NamedTuple):
    """When the last word of any machine was stored (ms), and how many are online."""

    stored_ms: int | None
    online: int


@platform_wide(_PLATFORM)
async def last_word(session: AsyncSession) -> LastWord:
    query = select(func.max(MachineStatus.seen_at), _number(MachineStatus.presence == "online"))
    stored_ms, online = (await session.execute(query)).one()
    return LastWord(stored_ms, int(online))


class Waiting(NamedTuple):
    """Commands that are queued, and those of them that are late although their machines are online."""

    commands: int
    held_up: int


@platform_wide(_PLATFORM)
async def waiting_commands(session: AsyncSession, *, late_ms: int) -> Waiting:
    held_up = and_(CommandRow.issued_at < late_ms, MachineStatus.presence == "online")
    query = (
        select(func.count(), _number(held_up))
        .select_from(CommandRow)
        .outerjoin(MachineStatus, MachineStatus.machine_id == CommandRow.machine_id)
        .where(CommandRow.state == "queued")
    )
    return Waiting(*map(int, (await session.execute(query)).one()))


def _number(which: ColumnElement[bool]) -> ColumnElement[int]:
    """Of the rows that are so; MySQL has no FILTER."""
    return func.coalesce(func.sum(case((which, 1), else_=0)), 0)


# -- throwaway machines


@platform_wide(_PLATFORM)
async def companies_named(session: AsyncSession, prefix: str, *, before_ms: int) -> Sequence[str]:
    """The names that begin so, of companies made before that moment."""
    query = select(Company.name).where(Company.name.startswith(prefix), Company.created_at < before_ms)
    return (await session.scalars(query)).all()


@platform_wide(_PLATFORM)
async def machines_of(session: AsyncSession, names: Collection[str]) -> Sequence[Machine]:
    """All machines of the companies of these names."""
    query = select(Machine).join(Company, Company.id == Machine.company_id).where(Company.name.in_(names))
    return (await session.scalars(query)).all()


@platform_wide(_PLATFORM)
async def delete_all(session: AsyncSession, names: Collection[str], *, now_ms: int) -> Sequence[str]:
    """Companies of these names, their machines and logins, whose usernames it gives.

    What else hangs on them keeps them, by its foreign key.
    """
    ids = [machine.id for machine in await machines_of(session, names)]
    owned = MachineCredential.machine_id.in_(ids)
    usernames = (await session.scalars(select(MachineCredential.username).where(owned))).all()
    await kicks.ask(session, usernames, now_ms)
    await session.execute(delete(MachineCredential).where(owned))
    await session.execute(delete(MachineStatus).where(MachineStatus.machine_id.in_(ids)))
    await session.execute(delete(Machine).where(Machine.id.in_(ids)))
    await session.execute(delete(Company).where(Company.name.in_(names)))
    await logins.changed(session)
    return usernames
