"""What is amiss although broker and database can be reached: a word each, in words."""

from typing import Final

from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server import metrics
from sunsweep.server.db.seats import UNHELD_MS, member_id, seat_table
from sunsweep.server.db.state import state_of

COUNTED_LAG_MS: Final = 2 * 3_600_000
"""Hours close at their end: up to one and a little is as it should be."""


async def troubles_everywhere(session: AsyncSession, *, now_ms: int) -> dict[str, str]:
    """Of the whole platform, as the database tells it."""
    troubles = {}
    table = await seat_table(session, now_ms=now_ms)
    unheld = [member_id(n) for n, unheld_ms in table.unheld(now_ms).items() if unheld_ms >= UNHELD_MS]
    if unheld:
        troubles["ingest"] = f"nobody reads through {', '.join(unheld)}; what comes waits in the broker"
    lag_ms = now_ms - await state_of(session, "rolled_until")
    if lag_ms > COUNTED_LAG_MS:
        troubles["counting"] = f"roll-ups and ledger are {lag_ms / 3_600_000:.1f} hours behind"
    return troubles


def troubles_here() -> dict[str, str]:
    """Of this process, as its gauges tell it."""
    troubles = {}
    if any(_values(metrics.REFUSAL_ALARM).values()):
        troubles["refusals"] = "many machines at once send what is refused: a bad deploy, here or there"
    if stuck := sorted(stage for stage, members in _values(metrics.STUCK).items() if members):
        troubles["stages"] = f"a stage of the ingest does not move: {', '.join(stuck)}"
    return troubles


def _values(gauge: Gauge) -> dict[str, float]:
    """By the value of its label, where it has one."""
    return {"".join(sample.labels.values()): sample.value for family in gauge.collect() for sample in family.samples}
