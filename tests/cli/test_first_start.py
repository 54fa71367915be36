"""The first platform admin."""

import asyncio
import re

import pytest

from sunsweep.cli.first_start import make_first_admin
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.errors import ConflictError
from sunsweep.server.features.accounts import repository, service
from sunsweep.server.features.accounts.gate import Gate
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.accounts.service import Attempt
from sunsweep.server.features.accounts.tokens import Tokens
from sunsweep.server.settings import ServeSettings

SECRET = "only-for-tests-only-for-tests-only"


def settings(url: str, email: str = "admin@localhost") -> ServeSettings:
    return ServeSettings(database_url=url, secret_key=SECRET, first_admin=email)


async def test_of_two_processes_that_start_one_makes_it_and_says_so_once(
    database: Database, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.gather(*(make_first_admin(settings(database_url)) for _ in range(2)))
    await make_first_admin(settings(database_url, "another@example.com"))
    (line,) = capsys.readouterr().err.splitlines()
    password = re.search(r"admin@localhost, password (\S+)", line)
    assert password is not None
    async with database.read() as session:
        (user,) = await repository.users(session)
    assert (user.email, user.role, user.company_id) == ("admin@localhost", "platform_admin", None)
    attempt = Attempt(user.email, password[1], "")
    assert await service.log_in(database, Tokens(SECRET, lifetime_s=60), Gate(), attempt, now_ms=wall_clock)


async def test_an_address_that_a_company_has_taken_is_said(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    await upgrade(database)
    async with database.write() as session:
        await service.add_company(session, "Alpha", now_ms=1)
        await service.add_user(session, "a@b.example", Role.ADMIN, company_id=1, password="x", now_ms=1)
    await database.close()
    with pytest.raises(ConflictError):
        await make_first_admin(settings(sqlite_url, "a@b.example"))
