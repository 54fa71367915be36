"""The ledger of the whole platform as figures, from the totals that were counted last."""

from sunsweep.server import metrics
from sunsweep.server.db.engine import Database
from sunsweep.server.features.ledger.repository import platform_totals


async def measure_ledger(database: Database) -> None:
    async with database.read() as session:
        messages, incomplete = await platform_totals(session)
    for state, count in messages.items():
        metrics.LEDGER_MESSAGES.labels(state).set(count)
    metrics.LEDGER_BOOTS_INCOMPLETE.set(incomplete)
