"""The demo company heals: what a kill or an operator took away does not keep the next start from going on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from sunsweep.cli import demo
from sunsweep.cli.folder import Folder, FolderError, keep_password
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.features.machines import service
from sunsweep.server.features.machines.service import Login


@pytest.fixture
def folder(tmp_path: Path, blocking_calls: BlockBuster) -> Folder:
    """Nothing else runs yet when `sunsweep up` reads and writes its files."""
    blocking_calls.deactivate()
    return Folder(tmp_path)


@pytest.fixture
async def database(sqlite_url: str, folder: Folder) -> AsyncIterator[Database]:
    database = Database(sqlite_url)
    await upgrade(database)
    await demo.people(database, folder)
    yield database
    await database.close()


def serials(logins: list[Login]) -> list[str]:
    return [login.machine_id for login in logins]


async def test_as_many_machines_as_wished_each_with_the_login_it_had(database: Database, folder: Folder) -> None:
    three = await demo.machines(database, folder, 3)
    five = await demo.machines(database, folder, 5)
    assert serials(five) == [demo.serial(number) for number in range(1, 6)]
    assert five[:3] == three
    assert await demo.machines(database, folder, 2) == three[:2]
    assert await demo.machines(database, folder, 0) == []
    assert await demo.machines(database, folder, 5) == five


async def test_a_machine_whose_login_was_lost_gets_a_new_one(database: Database, folder: Folder) -> None:
    before = await demo.machines(database, folder, 2)
    folder.machines.unlink()
    after = await demo.machines(database, folder, 2)
    assert serials(after) == serials(before)
    assert after != before
    assert await demo.machines(database, folder, 2) == after


async def test_a_login_that_no_database_knows_is_made_anew(database: Database, folder: Folder) -> None:
    """A kill after the file was written and before the commit."""
    folder.machines.write_bytes(b'[{"machine_id":"SUN-0001","company_id":1,"mqtt_username":"x","mqtt_password":"y"}]')
    (login,) = await demo.machines(database, folder, 1)
    assert login.mqtt_username != "x"


async def test_a_damaged_file_is_said_and_left_as_it_is(database: Database, folder: Folder) -> None:
    folder.machines.write_text('{"a')
    with pytest.raises(FolderError, match="is damaged"):
        await demo.machines(database, folder, 1)
    assert folder.machines.read_text() == '{"a'


async def test_an_archived_machine_stays_away(database: Database, folder: Folder) -> None:
    await demo.machines(database, folder, 3)
    async with database.write() as session:
        machine = await service.known(session, demo.COMPANY_ID, demo.serial(2))
        await service.archive(session, machine, now_ms=wall_clock())
    assert serials(await demo.machines(database, folder, 3)) == [demo.serial(1), demo.serial(3)]


async def test_a_lost_password_is_told_as_such_and_can_be_set_anew(database: Database, folder: Folder) -> None:
    known = await demo.people(database, folder)
    assert all(known.values())
    folder.logins.unlink()
    assert await demo.people(database, folder) == dict.fromkeys(known)
    folder.logins.write_text('{"admin@example.com":"old"}')
    keep_password(folder.path, "admin@example.com", "new")
    keep_password(folder.path, "somebody@example.com", "kept nowhere")
    assert await demo.people(database, folder) == dict.fromkeys(known) | {"admin@example.com": "new"}
