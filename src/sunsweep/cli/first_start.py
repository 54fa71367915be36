"""The first platform admin: made where there is none, the password said once and kept nowhere."""

import sys

from sqlalchemy.exc import IntegrityError

from sunsweep.cli.audit import record
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.fit import require_schema
from sunsweep.server.errors import ConflictError
from sunsweep.server.features.accounts import repository, service
from sunsweep.server.features.accounts.passwords import generate_password
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.settings import ServeSettings


async def make_first_admin(settings: ServeSettings) -> None:
    """Raises `SchemaError`, `InvalidError`, `ConflictError`. Of two processes that start at once, one makes it."""
    database = Database(settings.database_url)
    try:
        await require_schema(database)
        password = await _make(database, settings.first_admin)
    finally:
        await database.close()
    if password is not None:
        # Not through the log, which may be kept and read by others.
        told = f"first start: the platform admin is {settings.first_admin}, password {password}"
        print(told, "(said this once; `sunsweep user password` sets a new one)", file=sys.stderr, flush=True)


async def _make(database: Database, email: str) -> str | None:
    """The password; None where there is an admin already."""
    async with database.read() as session:
        if await repository.has_platform_admin(session):
            return None
    password, role = generate_password(), Role.PLATFORM_ADMIN
    try:
        async with database.write() as session:
            if await repository.has_platform_admin(session):
                return None
            user = await service.add_user(session, email, role, company_id=None, password=password, now_ms=wall_clock())
            await record(session, Action.USER_ADD, f"user {user.email}", company_id=None, detail={"role": str(role)})
    except (IntegrityError, ConflictError):
        async with database.read() as session:
            if await repository.has_platform_admin(session):
                return None
        raise
    return password
