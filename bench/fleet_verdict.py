"""Afterwards: each machine's own words, against the ledger."""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.fleet_field import Account
from sqlalchemy import select

from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Machine
from sunsweep.server.features.ledger.account import totals
from sunsweep.server.features.ledger.counted import BootAccount, counted
from sunsweep.server.features.ledger.recount import recount
from sunsweep.server.features.ledger.repository import DAY_MS, Span

AT_ONCE: Final = 200


async def complaints(database: Database, accounts: Sequence[Account], *, since_ms: int, until_ms: int) -> list[str]:
    """What is not as it must be, in words. The ledger is told anew from the raw rows of these days."""
    days = Span(since_ms // DAY_MS * DAY_MS, until_ms // DAY_MS * DAY_MS + 2 * DAY_MS)
    async with database.read() as session:
        ids = {serial: id_ for id_, serial in await session.execute(select(Machine.id, Machine.serial))}
    found: list[str] = []
    for start in range(0, len(accounts), AT_ONCE):
        some = accounts[start : start + AT_ONCE]
        keys = [(ids[one.machine_id], one.boot) for one in some]
        async with database.snapshot() as snapshot:
            fresh = await recount(snapshot, [machine for machine, _ in keys], [days])
            told = await counted(snapshot, keys, fresh)
        rows = {key: sum(day.rows for of, day in fresh.days.items() if of[:2] == key) for key in keys}
        for one, key in zip(some, keys, strict=True):
            found += [f"{one.machine_id} boot {one.boot}: {words}" for words in _about(one, told[key], rows[key])]
    return found


def _about(one: Account, told: BootAccount, rows: int) -> Iterator[str]:
    sums = totals(told.account)
    if one.pending:
        yield f"{one.pending} still in the outbox"
    if one.rejected or sums.rejected:
        yield f"{sums.rejected} rejected, by its own count {one.rejected}"
    if one.given_up or sums.given_up:
        yield f"{sums.given_up} given up, by its own count {one.given_up}"
    if sums.missing:
        yield f"missing: {told.account.missing}"
    if (told.account.last, sums.stored, rows) != (one.last_seq,) * 3:
        yield f"{one.last_seq} drawn; the ledger says last {told.account.last}, {sums.stored} stored in {rows} rows"
