"""emqx.conf against the database: its own statements, on MariaDB, through an account that sees two views."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncmy
import pytest
import pytest_asyncio
from sqlalchemy import select

from sunsweep.contract.topics import (
    CONNECTED,
    FROM_MACHINE,
    Channel,
    Event,
    EventTopic,
    all_events,
    all_machines,
    machine_events,
    machine_root,
    machine_rule,
)
from sunsweep.server.broker.accounts import set_account
from sunsweep.server.broker.rules import rules_of
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import Machine, MachineCredential
from sunsweep.server.errors import InvalidError
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.machines import service as machines
from sunsweep.server.features.machines.service import Login
from sunsweep.server.settings import Role
from tests.support.emqx import GRANTS, PASSWORD, USER, Emqx
from tests.support.mariadb import MariaDB

NOW_MS = 1_800_000_000_000
SERVICE = "service-password-of-a-test"


@dataclass
class Field:
    """A database with a company's machines, and EMQX's view of it."""

    database: Database
    emqx: Emqx
    a: Login
    b: Login

    async def add(self, serial: str) -> Login:
        async with self.database.write() as session:
            return (await machines.add(session, 1, serial, now_ms=NOW_MS))[1]


@pytest.fixture(scope="module")
def url(mariadb: MariaDB) -> Iterator[str]:
    yield (url := mariadb.create_database())
    mariadb.drop_database(url)
    mariadb.execute(f"DROP USER IF EXISTS '{USER}'@'%'")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def field(mariadb: MariaDB, url: str) -> AsyncIterator[Field]:
    database = Database(url)
    await upgrade(database)
    name = url.rpartition("/")[2].partition("?")[0]
    mariadb.execute(f"CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'")
    for statement in statements():
        mariadb.execute(statement.replace("ON mqtt_", f"ON {name}.mqtt_"))
    async with database.write() as session:
        await accounts.add_company(session, "Alpha", now_ms=NOW_MS)
        a = (await machines.add(session, 1, "A", now_ms=NOW_MS))[1]
        b = (await machines.add(session, 1, "B", now_ms=NOW_MS))[1]
        await set_account(session, "backend", SERVICE)
        for role in Role:
            await set_account(session, f"only-{role}", SERVICE, rules_of([role]))
    emqx = await Emqx.connect(url, host="127.0.0.1", port=mariadb.port)
    yield Field(database, emqx, a, b)
    await emqx.close()
    await database.close()


pytestmark = pytest.mark.asyncio(loop_scope="module")


def statements() -> list[str]:
    """Of grants.sql, without its comments."""
    lines = [line for line in GRANTS.read_text().splitlines() if not line.startswith("--")]
    return [statement for part in "\n".join(lines).split(";") if (statement := part.strip())]


async def test_a_machine_enters_with_its_password_and_no_other(field: Field) -> None:
    name, password = field.a.mqtt_username, field.a.mqtt_password
    assert await field.emqx.login(name, password)
    assert await field.emqx.login(name, password, clientid=name)
    assert not await field.emqx.login(name, password + "x")
    assert not await field.emqx.login(name, "")
    assert not await field.emqx.login(name, field.b.mqtt_password)
    assert not await field.emqx.login("m-0000000000000000", password)


@pytest.mark.parametrize("spell", ["{} ", " {}", "{}\t", "{}\0", "{}%", "%", "_", "", "{}'", "ü{}"])
async def test_a_name_is_taken_to_the_letter(field: Field, spell: str) -> None:
    assert not await field.emqx.login(spell.format(field.a.mqtt_username), field.a.mqtt_password)


async def test_a_name_in_capitals_is_another_name(field: Field) -> None:
    assert not await field.emqx.login(field.a.mqtt_username.upper(), field.a.mqtt_password)
    assert not await field.emqx.may(field.a.mqtt_username.upper(), "publish", f"{machine_root(1, 'A')}/status")
    assert not await field.emqx.may(f"{field.a.mqtt_username} ", "publish", f"{machine_root(1, 'A')}/status")


@pytest.mark.parametrize("clientid", ["", "wischer 7 süd", "🤖", "a'b\"c\\", "+", "x" * 300, "live-1", "m-1"])
async def test_a_clientid_is_free(field: Field, clientid: str) -> None:
    assert await field.emqx.login(field.a.mqtt_username, field.a.mqtt_password, clientid=clientid)


async def test_nobody_takes_a_session_by_its_name(field: Field) -> None:
    async def as_a(clientid: str) -> bool:
        return await field.emqx.login(field.a.mqtt_username, field.a.mqtt_password, clientid=clientid)

    assert not await as_a(field.b.mqtt_username)
    assert not await as_a("m-0123456789abcdef")
    assert await as_a(f"{field.a.mqtt_username}-check-0a1b2c3d")
    assert not await as_a("ingest-0")
    assert not await as_a("ingest-17")
    assert await field.emqx.login("only-ingest", SERVICE, clientid="ingest-0")


@pytest.mark.parametrize("clientid", [".", ".."])
async def test_nobody_hides_from_the_admin_interface(field: Field, clientid: str) -> None:
    assert not await field.emqx.login(field.a.mqtt_username, field.a.mqtt_password, clientid=clientid)


async def test_disabled_is_shut_out_and_enabled_let_in(field: Field) -> None:
    login = await field.add("SWITCHED")
    for enabled in (False, True):
        async with field.database.write() as session:
            machine = await machines.known(session, 1, "SWITCHED", lock=True)
            await machines.change(session, machine, {"enabled": enabled})
        assert await field.emqx.login(login.mqtt_username, login.mqtt_password) is enabled
        assert await field.emqx.may(login.mqtt_username, "publish", f"{machine_root(1, 'SWITCHED')}/status") is enabled


async def test_rotated_both_enter_until_the_old_one_is_revoked(field: Field) -> None:
    old = await field.add("ROTATED")
    async with field.database.write() as session:
        machine = await machines.known(session, 1, "ROTATED", lock=True)
        new = await machines.rotate(session, machine, now_ms=NOW_MS)
    topic = f"{machine_root(1, 'ROTATED')}/telemetry"
    for login in (old, new):
        assert await field.emqx.login(login.mqtt_username, login.mqtt_password)
        assert await field.emqx.may(login.mqtt_username, "publish", topic)
    async with field.database.write() as session:
        row = await session.scalar(select(MachineCredential).where(MachineCredential.username == old.mqtt_username))
        assert row is not None
        row.revoked_at = NOW_MS
    assert not await field.emqx.login(old.mqtt_username, old.mqtt_password)
    assert not await field.emqx.may(old.mqtt_username, "publish", topic)
    assert await field.emqx.login(new.mqtt_username, new.mqtt_password)


async def test_archived_is_gone(field: Field) -> None:
    login = await field.add("ARCHIVED")
    async with field.database.write() as session:
        await machines.archive(session, await machines.known(session, 1, "ARCHIVED", lock=True), now_ms=NOW_MS)
    assert not await field.emqx.login(login.mqtt_username, login.mqtt_password)
    assert not await field.emqx.may(login.mqtt_username, "subscribe", f"{machine_root(1, 'ARCHIVED')}/command")


async def test_a_machine_speaks_and_listens_under_its_own_topics_only(field: Field) -> None:
    name = field.a.mqtt_username
    for action in ("publish", "subscribe"):
        for channel in Channel:
            assert await field.emqx.may(name, action, f"{machine_root(1, 'A')}/{channel}")
            assert not await field.emqx.may(name, action, f"{machine_root(1, 'B')}/{channel}")
            assert not await field.emqx.may(name, action, f"{machine_root(2, 'A')}/{channel}")
            assert not await field.emqx.may(name, action, f"{machine_root(1, 'AB')}/{channel}")
    assert await field.emqx.may(name, "subscribe", machine_rule(1, "A"))
    wide = ("#", "+/#", "company/#", "company/1/#", "company/1/machine/+/#", "company/+/machine/A/#", "$SYS/#")
    for topic_filter in (*wide, CONNECTED, all_events(Event.WAKE), machine_events(1, "A"), machine_rule(1, "+")):
        assert not await field.emqx.may(name, "subscribe", topic_filter), topic_filter


NEEDED: dict[Role, list[tuple[str, str]]] = {
    Role.API: [("publish", str(EventTopic(1, "A", Event.WAKE))), ("publish", str(EventTopic(1, "A", Event.PRESENCE)))],
    Role.LIVE: [
        ("subscribe", machine_events(1, "A")),
        *(("subscribe", f"company/1/machine/A/{channel}") for channel in FROM_MACHINE),
    ],
    Role.INGEST: [
        *(("subscribe", all_machines(channel)) for channel in FROM_MACHINE),
        ("publish", "company/1/machine/A/receipt"),
        ("publish", str(EventTopic(1, "A", Event.PRESENCE))),
        ("publish", str(EventTopic(1, "A", Event.COMMAND_STATE))),
    ],
    Role.DISPATCH: [
        ("subscribe", all_machines(Channel.STATUS)),
        ("subscribe", all_events(Event.WAKE)),
        ("publish", "company/1/machine/A/command"),
        ("publish", str(EventTopic(1, "A", Event.COMMAND))),
        ("publish", str(EventTopic(1, "A", Event.COMMAND_STATE))),
    ],
    Role.JOBS: [("subscribe", CONNECTED), ("publish", str(EventTopic(1, "A", Event.PRESENCE)))],
}


@pytest.mark.parametrize("role", Role)
async def test_each_role_may_do_its_work_and_not_the_others(field: Field, role: Role) -> None:
    assert await field.emqx.login(f"only-{role}", SERVICE)
    for action, topic in NEEDED[role]:
        assert await field.emqx.may(f"only-{role}", action, topic), (action, topic)
        assert await field.emqx.may("backend", action, topic), (action, topic)
    sends = {other: await field.emqx.may(f"only-{other}", "publish", "company/1/machine/A/command") for other in Role}
    assert [other for other, may in sends.items() if may] == [Role.DISPATCH]
    for channel in (Channel.TELEMETRY, Channel.STATUS, Channel.RESULT):
        assert not await field.emqx.may(f"only-{role}", "publish", f"company/1/machine/A/{channel}")
    assert not await field.emqx.may(f"only-{role}", "subscribe", "#")
    assert not await field.emqx.may("backend", "subscribe", all_machines(Channel.COMMAND))


async def test_a_service_account_is_never_called_like_a_machine(field: Field) -> None:
    async with field.database.write() as session:
        for name in ("m-backend", "", "a b", "ü", "x" * 65):
            with pytest.raises(InvalidError):
                await set_account(session, name, SERVICE)


async def test_emqx_sees_two_views_and_nothing_else(field: Field) -> None:
    for table in ("machine_credential", "service_account", "user_account", "telemetry"):
        with pytest.raises(asyncmy.errors.OperationalError, match="denied"):
            await field.emqx.execute(f"SELECT * FROM {table}")
    for statement in ("DELETE FROM mqtt_user", "UPDATE mqtt_acl SET topic = '#'", "CREATE TABLE mine (id INT)"):
        with pytest.raises(asyncmy.errors.OperationalError, match="denied"):
            await field.emqx.execute(statement)


async def test_a_login_costs_the_same_however_many_machines_there_are(field: Field) -> None:
    async with field.database.write() as session:
        session.add_all(Machine(company_id=1, serial=f"MANY-{i}", created_at=NOW_MS) for i in range(1000))
        await session.flush()
        ids = (await session.scalars(select(Machine.id).where(Machine.serial.startswith("MANY-")))).all()
        session.add_all(
            MachineCredential(
                machine_id=number, username=f"m-many-{number}", password_hash="", salt="", created_at=NOW_MS
            )
            for number in ids
        )
    before = await rows_read(field.emqx)
    assert await field.emqx.login(field.a.mqtt_username, field.a.mqtt_password)
    assert await field.emqx.may(field.a.mqtt_username, "publish", f"{machine_root(1, 'A')}/status")
    assert await rows_read(field.emqx) - before < 200, "the views are read whole"


async def rows_read(emqx: Emqx) -> int:
    """By this connection so far, as the server counts them."""
    rows = await emqx.execute(
        "SELECT SUM(VARIABLE_VALUE) AS rows_read FROM information_schema.SESSION_STATUS"
        " WHERE VARIABLE_NAME LIKE 'HANDLER_READ%'"
    )
    return int(rows[0]["rows_read"])
