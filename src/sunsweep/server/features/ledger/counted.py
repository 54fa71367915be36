"""Accounts of boots: the days that have been counted, with days just read from the raw rows in their stead."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from msgspec import json
from sqlalchemy import Row

from sunsweep.server.features.ledger import repository
from sunsweep.server.features.ledger.account import Account, Day, balance
from sunsweep.server.features.ledger.ranges import Range, Refused
from sunsweep.server.features.ledger.recount import DayKey, Recount
from sunsweep.server.features.ledger.repository import BootKey, Executor

_RANGES: Final = json.Decoder(tuple[Range, ...])
_REFUSED: Final = json.Decoder(tuple[Refused, ...])

NOTHING_FRESH: Final = Recount((), {}, {})


class BootAccount(NamedTuple):
    """A boot's account; `days` are those on which something of it was measured, or came and was rejected."""

    account: Account
    ended: bool
    days: Sequence[int]


async def counted(
    connection: Executor, boots: Collection[BootKey], fresh: Recount = NOTHING_FRESH
) -> dict[BootKey, BootAccount]:
    """The accounts of these boots."""
    days: defaultdict[BootKey, dict[int, Day]] = defaultdict(dict)
    losses: defaultdict[BootKey, list[Range]] = defaultdict(list)
    for key, day in (await counted_days(connection, boots)).items():
        if not fresh.covers(key[2]):
            days[key[:2]][key[2]] = day
    for key, day in fresh.days.items():
        days[key[:2]][key[2]] = day
    for row in await repository.losses(connection, boots):
        losses[row.machine_id, row.boot].append((row.first_seq, row.last_seq))
    ends = {(row.machine_id, row.boot): row.last_seq for row in await repository.ends(connection, boots)}
    accounts = {key: balance(days[key].values(), losses[key], ends.get(key, 0)) for key in boots}
    # A card restored from an older image says that a boot ended before what has come of it: that is no end.
    return {
        key: BootAccount(account, ends.get(key) == account.last, sorted(days[key])) for key, account in accounts.items()
    }


async def counted_days(connection: Executor, boots: Collection[BootKey]) -> dict[DayKey, Day]:
    """The days of these boots as they were counted last."""
    return {(row.machine_id, row.boot, row.day): read_day(row) for row in await repository.days(connection, boots)}


def read_day(row: Row[*tuple[Any, ...]]) -> Day:
    """A day as it was counted."""
    return Day(row.rows, _RANGES.decode(row.stored), _REFUSED.decode(row.rejected))
