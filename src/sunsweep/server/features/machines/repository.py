"""SQL of machines, their logins and their newest state. A query names the company, or a machine by its id."""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import CursorResult, Row, Select, case, func, null, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, undefer

from sunsweep.server.db.models import Machine, MachineCredential, MachineStatus
from sunsweep.server.db.tenancy import owned, platform_wide
from sunsweep.server.features.machines.current import Current

DAY_MS = 86_400_000
_NEVER_USED = (MachineCredential.first_used_at.is_(None), MachineCredential.revoked_at.is_(None))


def living(company_id: int) -> Select[Machine]:
    """The machines of one company that are not archived."""
    return select(Machine).where(owned(Machine, company_id), Machine.archived_at.is_(None))


async def machine(session: AsyncSession, company_id: int, serial: str, *, lock: bool = False) -> Machine | None:
    query = living(company_id).where(Machine.serial == serial).options(undefer(Machine.notes))
    return await session.scalar(query.with_for_update() if lock else query)


async def lock(session: AsyncSession, machine_id: int) -> None:
    """Hold the machine's row until the end of the transaction."""
    await session.execute(select(Machine.id).where(Machine.id == machine_id).with_for_update())


async def lock_all(session: AsyncSession, machine_ids: Collection[int]) -> Sequence[Machine]:
    """Those that are not archived, as they are now, held until the end of the transaction; always in one order."""
    query = select(Machine).where(Machine.id.in_(machine_ids), Machine.archived_at.is_(None))
    held = query.order_by(Machine.id).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(held)).all()


async def living_ids(session: AsyncSession, machine_ids: Collection[int]) -> set[int]:
    """Those that are not archived."""
    query = select(Machine.id).where(Machine.id.in_(machine_ids), Machine.archived_at.is_(None))
    return set(await session.scalars(query))


async def page(
    session: AsyncSession, company_id: int, *, after: str, limit: int
) -> Sequence[Row[Machine, MachineStatus | None]]:
    """Machines in the order of their serials, each with its newest state."""
    query = (
        living(company_id)
        .with_only_columns(Machine, MachineStatus)
        .outerjoin(MachineStatus, MachineStatus.machine_id == Machine.id)
        .where(Machine.serial > after)
        .order_by(Machine.serial)
        .limit(limit)
    )
    return (await session.execute(query)).all()


class Roster(NamedTuple):
    """Which machines a company has, as far as two rosters that are equal say that none has come or gone between."""

    machines: int
    newest_id: int


async def roster(session: AsyncSession, company_id: int) -> Roster:
    """By one index alone: ids only grow, so who comes raises the newest, and who only goes lowers the number."""
    query = select(func.count(), func.coalesce(func.max(Machine.id), 0))
    found = (await session.execute(query.where(owned(Machine, company_id), Machine.archived_key == 0))).one()
    return Roster(*found)


_NO_EXTRA: Final = ("telemetry_extra", "status_extra")
_NEWEST: Final = [
    null() if name in _NO_EXTRA else getattr(MachineStatus, name)
    for name in Current.__struct_fields__
    if name != "machine_id"
]


async def newest(session: AsyncSession, company_id: int, *, after: str, limit: int) -> list[tuple[str, Current]]:
    """The same page without what the list shows not: serials and newest states, these without `extra`."""
    query = (
        living(company_id)
        .with_only_columns(Machine.serial, Machine.id, MachineStatus.machine_id, *_NEWEST)
        .outerjoin(MachineStatus, MachineStatus.machine_id == Machine.id)
        .where(Machine.serial > after)
        .order_by(Machine.serial)
        .limit(limit)
    )
    rows = (await session.execute(query)).all()
    return [
        (serial, Current(machine_id) if heard is None else Current(machine_id, *values))
        for serial, machine_id, heard, *values in rows
    ]


async def serial_taken(session: AsyncSession, company_id: int, serial: str, *, now_ms: int) -> bool:
    """Whether the serial is in use, or was archived less than a day ago."""
    query = select(Machine.id).where(
        owned(Machine, company_id),
        Machine.serial == serial,
        Machine.archived_at.is_(None) | (Machine.archived_at > now_ms - DAY_MS),
    )
    return await session.scalar(query.limit(1)) is not None


async def status(session: AsyncSession, machine_id: int) -> MachineStatus | None:
    return await session.get(MachineStatus, machine_id)


async def silence(session: AsyncSession, machine_id: int, *, cause: str, now_ms: int) -> bool:
    """It is let in no more: that is the end of its presence too; whether it had any."""
    here = (MachineStatus.machine_id == machine_id, MachineStatus.presence != "offline")
    gone = {"presence": "offline", "presence_since": now_ms, "presence_cause": cause}
    found = await session.execute(update(MachineStatus).where(*here).values(**gone))
    return cast("CursorResult[Any]", found).rowcount > 0


class Silent(NamedTuple):
    """A machine that is online and has missed its beats, since the last of them."""

    machine_id: int
    company_id: int
    serial: str
    seen_at: int
    since_ms: int


@platform_wide("a job looks after all machines")
async def silent(session: AsyncSession, *, beats: int, heard_ms: int, now_ms: int) -> list[Silent]:
    """Of all companies, for the platform's own look; silence counts from `heard_ms` at the earliest."""
    patience_ms = Machine.expected_interval_s * (1000 * beats)
    last_ms = case((MachineStatus.seen_at > heard_ms, MachineStatus.seen_at), else_=heard_ms)
    since_ms = (last_ms + patience_ms).label("since_ms")
    query = (
        select(Machine.id, Machine.company_id, Machine.serial, MachineStatus.seen_at, since_ms)
        .join(MachineStatus, MachineStatus.machine_id == Machine.id)
        .where(MachineStatus.presence == "online", Machine.archived_at.is_(None), last_ms + patience_ms <= now_ms)
        .order_by(Machine.id)
    )
    return [Silent(*row) for row in (await session.execute(query)).all()]


async def call_stale(session: AsyncSession, silent: Collection[Silent]) -> list[Silent]:
    """Those that have not been heard meanwhile become stale; which they are."""
    ids = [machine.machine_id for machine in silent]
    query = select(MachineStatus.machine_id, MachineStatus.seen_at).where(MachineStatus.machine_id.in_(ids))
    held = query.where(MachineStatus.presence == "online").order_by(MachineStatus.machine_id).with_for_update()
    unheard = {tuple(row) for row in await session.execute(held)}
    gone = [machine for machine in silent if (machine.machine_id, machine.seen_at) in unheard]
    if gone:
        since_ms = case({machine.machine_id: machine.since_ms for machine in gone}, value=MachineStatus.machine_id)
        stale = {"presence": "stale", "presence_cause": "silent", "presence_since": since_ms}
        which = MachineStatus.machine_id.in_([machine.machine_id for machine in gone])
        await session.execute(
            update(MachineStatus).where(which).values(**stale), execution_options={"synchronize_session": False}
        )
    return gone


async def living_logins(session: AsyncSession, machine_id: int) -> list[str]:
    """The usernames that have not been revoked."""
    query = select(MachineCredential.username).where(
        MachineCredential.machine_id == machine_id, MachineCredential.revoked_at.is_(None)
    )
    return list(await session.scalars(query))


@platform_wide("of logins that were looked up before")
async def revoke(session: AsyncSession, usernames: Collection[str], *, now_ms: int) -> None:
    """End these logins."""
    which = MachineCredential.username.in_(usernames)
    await session.execute(update(MachineCredential).where(which).values(revoked_at=now_ms))


@platform_wide("the broker's word names logins only")
async def fresh(session: AsyncSession, usernames: Collection[str]) -> list[int]:
    """Those among these logins that have never been used before."""
    query = select(MachineCredential.id).where(MachineCredential.username.in_(usernames), *_NEVER_USED)
    return list(await session.scalars(query))


@platform_wide("the broker's word names logins only")
async def still_fresh(session: AsyncSession, credential_ids: Collection[int]) -> list[int]:
    """The same once more, their rows held, always in one order."""
    query = select(MachineCredential.id).where(MachineCredential.id.in_(credential_ids), *_NEVER_USED)
    return list(await session.scalars(query.order_by(MachineCredential.id).with_for_update()))


@platform_wide("the broker's word names logins only")
async def use(session: AsyncSession, credential_ids: Collection[int], *, now_ms: int) -> None:
    """They have been used."""
    which = MachineCredential.id.in_(credential_ids)
    await session.execute(update(MachineCredential).where(which).values(first_used_at=now_ms))


async def before(session: AsyncSession, credential_ids: Collection[int]) -> list[str]:
    """The living logins that their machines had before these."""
    newer = aliased(MachineCredential)
    query = (
        select(MachineCredential.username)
        .join(newer, (newer.machine_id == MachineCredential.machine_id) & (newer.id > MachineCredential.id))
        .where(newer.id.in_(credential_ids), MachineCredential.revoked_at.is_(None))
        .distinct()
    )
    return list(await session.scalars(query))


class Owner(NamedTuple):
    """Whose login it is."""

    username: str
    machine_id: int
    company_id: int
    serial: str


async def owners(
    session: AsyncSession, *, credential_ids: Collection[int] = (), usernames: Collection[str] = ()
) -> list[Owner]:
    """The machines of these logins."""
    query = (
        select(MachineCredential.username, Machine.id, Machine.company_id, Machine.serial)
        .join(Machine, Machine.id == MachineCredential.machine_id)
        .where(MachineCredential.id.in_(credential_ids) | MachineCredential.username.in_(usernames))
        .order_by(MachineCredential.id)
    )
    return [Owner(*row) for row in await session.execute(query)]


async def has_login(session: AsyncSession, machine_id: int, username: str) -> bool:
    """Whether this login of the machine has not been revoked."""
    query = select(MachineCredential.id).where(
        MachineCredential.machine_id == machine_id,
        MachineCredential.username == username,
        MachineCredential.revoked_at.is_(None),
    )
    return await session.scalar(query) is not None


async def end_later(session: AsyncSession, machine_id: int, *, ends_at: int) -> None:
    """Let every login of the machine end at `ends_at`, if not before."""
    living = (
        MachineCredential.machine_id == machine_id,
        MachineCredential.revoked_at.is_(None),
        MachineCredential.ends_at.is_(None) | (MachineCredential.ends_at > ends_at),
    )
    await session.execute(update(MachineCredential).where(*living).values(ends_at=ends_at))


@platform_wide("a job looks after all logins")
async def over(session: AsyncSession, *, now_ms: int) -> list[str]:
    """The living logins whose overlap is over."""
    query = select(MachineCredential.username).where(
        MachineCredential.revoked_at.is_(None), MachineCredential.ends_at <= now_ms
    )
    return list(await session.scalars(query))
