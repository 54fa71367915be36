"""Who does what only one may do: the leases of `jobs` and `dispatch`, and the members of the ingest."""

import asyncio
from typing import Final

from sunsweep.server.db.seats import UNHELD_MS, SeatTable, member_id, seat_table
from sunsweep.server.doctor import repository
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, fails, ok, warning
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.words import plural, span

_LOOK_AGAIN_S: Final = 3.0
_DUTIES: Final = {
    "dispatch": "no command leaves, no stop either",
    "jobs": "nothing is counted, nothing old goes, no silent machine is noticed",
}


async def _look_at_members(around: Surroundings) -> list[Finding]:
    now_ms = around.now_ms()
    async with around.database.read() as session:
        table = await seat_table(session, now_ms=now_ms)
    findings = _unheld(table, now_ms)
    if table.members > 1 and around.settings.emqx_url is None:
        words = f"the ingest reads through {table.members} members, and no EMQX is named here"
        findings.append(warning(words, "mosquitto forgets shared subscriptions at a restart: there it is --members 1"))
    if surplus := sorted(number for number in table.seats if number >= table.members):
        words = f"{', '.join(map(member_id, surplus))} still to be drained: fewer members are wanted now"
        findings.append(warning(words, "let an ingest run until it is gone"))
    if findings:
        return findings
    workers = plural(len(table.workers), "ingest")
    return [ok(f"all messages have a reader: {plural(table.members, 'member')}, {workers}")]


def _unheld(table: SeatTable, now_ms: int) -> list[Finding]:
    findings = []
    for number, ms in table.unheld(now_ms).items():
        since = f"for {span(ms)}" if number in table.seats else "ever"
        words = f"nobody has read through {member_id(number)} {since}; what comes waits in the broker"
        if ms >= UNHELD_MS:
            findings.append(fails(words, "start `sunsweep ingest`, or read its log"))
        else:
            findings.append(warning(words, "somebody may just be taking over: look again in a minute"))
    return findings


async def _look_at_leases(around: Surroundings) -> list[Finding]:
    if missing := await _without_holder(around):
        # Between two holders there are some seconds.
        await asyncio.sleep(_LOOK_AGAIN_S)
        missing &= await _without_holder(around)
    return [
        fails(f"nobody runs {name}: {loss}", f"start `sunsweep serve` with the role {name}")
        if name in missing
        else ok(f"somebody runs {name}")
        for name, loss in _DUTIES.items()
    ]


async def _without_holder(around: Surroundings) -> set[str]:
    async with around.database.read() as session:
        return _DUTIES.keys() - await repository.held_leases(session, _DUTIES, now_ms=around.now_ms())


MEMBERS: Final = Check("ingest", "Every member of the ingest is held by somebody", _look_at_members)
LEASES: Final = Check("duties", "Somebody runs `dispatch`, and somebody runs `jobs`", _look_at_leases)
