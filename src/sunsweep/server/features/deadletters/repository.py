"""SQL of dead letters."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from sunsweep.contract.refusal import Reason
from sunsweep.server.db.models import DeadLetter, Machine
from sunsweep.server.db.tenancy import owned, platform_wide


class Selection(NamedTuple):
    """Which dead letters are meant. Of one company, of `everybody`, or (neither) those that no company can be told of.

    What else is None leaves nothing out; `asked` are those that were asked to be fed in again.
    """

    company_id: int | None = None
    everybody: bool = False
    serial: str | None = None
    reason: Reason | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    ids: Collection[int] | None = None
    asked: bool = False


class Verdict(NamedTuple):
    """What was refused again, and why this time."""

    letter_id: int
    company_id: int | None
    machine_id: int | None
    boot: int | None
    seq: int | None
    reason: str
    detail: str


async def page(session: AsyncSession, which: Selection, *, before: int | None, limit: int) -> Sequence[DeadLetter]:
    """The newest first."""
    query = select(DeadLetter).where(*_matching(which))
    if before is not None:
        query = query.where(DeadLetter.id < before)
    return (await session.scalars(query.order_by(DeadLetter.id.desc()).limit(limit))).all()


async def ask(session: AsyncSession, which: Selection, *, now_ms: int) -> int:
    """Ask for those that have their bytes to be fed in again; how many they are."""
    has_bytes = DeadLetter.payload.is_not(None)
    asked = update(DeadLetter).where(*_matching(which), has_bytes).values(replay_at=now_ms)
    done = await session.execute(asked, execution_options={"synchronize_session": False})
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has one


async def without_bytes(session: AsyncSession, which: Selection) -> int:
    """How many can never be fed in again."""
    query = select(func.count()).select_from(DeadLetter).where(*_matching(which), DeadLetter.payload.is_(None))
    return (await session.execute(query)).scalar_one()


async def next_with_bytes(
    session: AsyncSession, which: Selection, *, after: int, limit: int, max_bytes: int
) -> Sequence[DeadLetter]:
    """The oldest first; no more than `max_bytes` beyond the first."""
    query = select(DeadLetter.id, DeadLetter.size).where(*_matching(which), DeadLetter.payload.is_not(None))
    sizes = (await session.execute(query.where(DeadLetter.id > after).order_by(DeadLetter.id).limit(limit))).all()
    ids: list[int] = []
    total = 0
    for letter_id, size in sizes:
        total += size
        if ids and total > max_bytes:
            break
        ids.append(letter_id)
    if not ids:
        return ()
    return (await session.scalars(select(DeadLetter).where(DeadLetter.id.in_(ids)).order_by(DeadLetter.id))).all()


@platform_wide("the ingest has stored them")
async def remove(connection: AsyncConnection, ids: Collection[int]) -> int:
    """They are stored now; how many were there."""
    return (await connection.execute(delete(DeadLetter).where(DeadLetter.id.in_(ids)))).rowcount


@platform_wide("the ingest has looked at them")
async def answered(connection: AsyncConnection, ids: Collection[int]) -> None:
    """What was asked for them has been done."""
    await connection.execute(update(DeadLetter).where(DeadLetter.id.in_(ids)).values(replay_at=None))


@platform_wide("the ingest has found their owner")
async def refused_again(connection: AsyncConnection, verdicts: Collection[Verdict]) -> None:
    """Another reason than before, or another owner."""
    columns = [name for name in Verdict._fields if name != "letter_id"]
    new: Mapping[str, ColumnElement[object]] = {name: bindparam(f"new_{name}") for name in columns}
    change = update(DeadLetter).where(DeadLetter.id == bindparam("new_letter_id")).values(**new)
    await connection.execute(change, [{f"new_{k}": v for k, v in verdict._asdict().items()} for verdict in verdicts])


def _matching(which: Selection) -> list[ColumnElement[bool]]:
    tests = (
        None if which.everybody else owned(DeadLetter, which.company_id),
        None if which.serial is None else _of_machine(which, which.serial),
        None if which.reason is None else DeadLetter.reason == str(which.reason),
        None if which.from_ms is None else DeadLetter.received_at >= which.from_ms,
        None if which.to_ms is None else DeadLetter.received_at < which.to_ms,
        None if which.ids is None else DeadLetter.id.in_(which.ids),
        DeadLetter.replay_at.is_not(None) if which.asked else None,
    )
    return [test for test in tests if test is not None]


def _of_machine(which: Selection, serial: str) -> ColumnElement[bool]:
    if which.company_id is None:
        # It may be no machine of ours. Not LIKE: `_` is a letter of serials, and SQLite's is blind to case.
        return func.instr(DeadLetter.topic, f"/machine/{serial}/") > 0
    machines = select(Machine.id).where(owned(Machine, which.company_id), Machine.serial == serial)
    return DeadLetter.machine_id.in_(machines)
