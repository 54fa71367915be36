"""Counting the ledger anew: a UTC day of some machines, and with it the totals of the boots it touches."""

from collections.abc import Sequence
from typing import Final

from msgspec import json
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.server.features.ledger import repository
from sunsweep.server.features.ledger.account import totals
from sunsweep.server.features.ledger.counted import counted
from sunsweep.server.features.ledger.recount import recount
from sunsweep.server.features.ledger.repository import DAY_MS, BootKey, Span

AT_ONCE: Final = 200
"""Machines, or boots, of one statement."""


async def fold_day(connection: AsyncConnection, machine_ids: Sequence[int], day_ms: int, *, now_ms: int) -> None:
    """Count a UTC day of these machines from their raw rows, which must all be there still."""
    for at in range(0, len(machine_ids), AT_ONCE):
        await _fold(connection, machine_ids[at : at + AT_ONCE], day_ms, now_ms=now_ms)


async def _fold(connection: AsyncConnection, machine_ids: Sequence[int], day_ms: int, *, now_ms: int) -> None:
    found = (await recount(connection, machine_ids, [Span(day_ms, day_ms + DAY_MS)])).days
    here = {key[:2] for key in found}
    before = await repository.boots_of_day(connection, machine_ids, day_ms)
    rows = [
        (*key, day.rows, json.encode(day.stored).decode(), json.encode(day.rejected).decode())
        for key, day in found.items()
    ]
    await repository.keep_days(connection, day_ms, rows, before - here)
    touched = here | before | await repository.boots_with_news(connection, machine_ids)
    numbered = sorted(key for key in touched if key[1])
    for at in range(0, len(numbered), AT_ONCE):
        await _total(connection, numbered[at : at + AT_ONCE], now_ms=now_ms)


async def _total(connection: AsyncConnection, boots: Sequence[BootKey], *, now_ms: int) -> None:
    accounts = {key: found.account for key, found in (await counted(connection, boots)).items()}
    rows = [(*key, account.last, *totals(account), now_ms) for key, account in accounts.items() if account.last]
    await repository.keep_boots(connection, rows, [key for key, account in accounts.items() if not account.last])
