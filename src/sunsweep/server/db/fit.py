"""Whether a database is one that this program may work with."""

from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import is_current
from sunsweep.server.db.state import unsettled_since


class SchemaError(Exception):
    """The database's schema is not the one this program was written for."""


async def require_schema(database: Database) -> None:
    """Raises `SchemaError`."""
    if not await is_current(database):
        raise SchemaError("the database's schema is not this program's; run `sunsweep migrate` first")
    async with database.read() as session:
        if await unsettled_since(session) is not None:
            raise SchemaError("the database was loaded from a backup; run `sunsweep settle` first")
