"""How far the counting of closed hours is behind, as figures."""

from sunsweep.server import metrics
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.state import state_of
from sunsweep.server.jobs.repository import number_of_marks


async def measure_closing(database: Database, *, now_ms: Clock) -> None:
    async with database.read() as session:
        rolled_until = await state_of(session, "rolled_until")
        marks = await number_of_marks(session)
    metrics.COUNTED_LAG_SECONDS.set((now_ms() - rolled_until) / 1000)
    metrics.MARKS_WAITING.set(marks)
