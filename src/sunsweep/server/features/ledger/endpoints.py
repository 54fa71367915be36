"""The ledger of a machine over REST."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel

from sunsweep.contract.limits import MAX_BOOT
from sunsweep.contract.times import iso
from sunsweep.server.features.ledger import service
from sunsweep.server.features.ledger.account import totals
from sunsweep.server.features.ledger.counted import BootAccount
from sunsweep.server.features.ledger.ranges import Range, Refused
from sunsweep.server.features.machines.endpoints import Serial
from sunsweep.server.features.machines.service import known
from sunsweep.server.features.requests import CompanyId, ServicesOf

router = APIRouter(prefix="/machines/{machine_id}", tags=["ledger"])

MAX_RANGES: Final = 1000
"""Of one list in an answer."""


class Numbers(BaseModel):
    """How many message numbers, and which: `[first, last]`, both included, ascending, at most 1,000 ranges."""

    count: int
    ranges: list[tuple[int, int]]
    truncated: bool
    """There are more ranges than shown here; `count` counts all of them."""


class RejectedNumbers(BaseModel):
    """As `Numbers`, each range with the reason: `[first, last, reason]`; the messages are among the dead letters."""

    count: int
    ranges: list[tuple[int, int, str]]
    truncated: bool


class BootLedger(BaseModel):
    """What became of the numbered messages of one start of a machine's program.

    `last` = stored + rejected + given_up + not_yet_arrived; every number from 1 to `last` is in exactly one of them.
    """

    boot: int
    """Drawn at random by the machine at each start; its size says nothing."""
    last: int
    """The greatest number known of: stored, rejected, given up, or told by the machine as the boot's last."""
    ended: bool
    """The machine has told that this boot is over, and how far it went, and nothing beyond that has come."""
    complete: bool
    """Nothing up to `last` is outstanding. A boot that has not ended may go on."""
    stored: Numbers
    rejected: RejectedNumbers
    given_up: Numbers
    """What the machine says it will never send, for its outbox was full or was never answered."""
    not_yet_arrived: Numbers
    """What still waits in the machine's outbox or on the way."""
    first_day: str | None
    """UTC days, `2026-01-31`: the first and the last on which something of the boot was measured, or came and was
    rejected; null where nothing has arrived."""
    last_day: str | None


class Ledger(BaseModel):
    """A machine's boots, the newest first."""

    machine_id: str
    as_of: str
    unnumbered: int
    """Rows of history that carry no number (a bare machine's): nobody can say whether one is missing."""
    items: list[BootLedger]
    next_cursor: str | None


@router.get("/ledger")
async def ledger(
    machine_id: Serial,
    company_id: CompanyId,
    held: ServicesOf,
    boot: Annotated[int | None, Query(ge=1, le=MAX_BOOT, description="this boot only")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str, Query(max_length=64)] = "",
) -> Ledger:
    """What was stored, rejected, given up, and what has not yet arrived, as of now."""
    now_ms = held.now_ms()
    async with held.database.snapshot() as unit:
        machine = await known(unit, company_id, machine_id)
        outline = await service.outline(unit, machine.id, now_ms=now_ms)
        places, more = service.page(outline.places, boot=boot, cursor=cursor, limit=limit)
        found = await service.accounts(unit, machine.id, places, outline.fresh)
    return Ledger(
        machine_id=machine_id,
        as_of=iso(now_ms),
        unnumbered=outline.unnumbered,
        items=[_boot(number, account) for number, account in found],
        next_cursor=more,
    )


def _boot(boot: int, found: BootAccount) -> BootLedger:
    account = found.account
    counts = totals(account)
    return BootLedger(
        boot=boot,
        last=account.last,
        ended=found.ended,
        complete=not account.missing,
        stored=_numbers(counts.stored, account.stored),
        rejected=_rejected(counts.rejected, account.rejected),
        given_up=_numbers(counts.given_up, account.given_up),
        not_yet_arrived=_numbers(counts.missing, account.missing),
        first_day=iso(found.days[0])[:10] if found.days else None,
        last_day=iso(found.days[-1])[:10] if found.days else None,
    )


def _numbers(count: int, ranges: Sequence[Range]) -> Numbers:
    return Numbers(count=count, ranges=list(ranges[:MAX_RANGES]), truncated=len(ranges) > MAX_RANGES)


def _rejected(count: int, ranges: Sequence[Refused]) -> RejectedNumbers:
    return RejectedNumbers(count=count, ranges=list(ranges[:MAX_RANGES]), truncated=len(ranges) > MAX_RANGES)
