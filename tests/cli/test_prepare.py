"""`prepare`: from an empty server of MySQL to one that backend and broker can use, run as often as may be."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncmy
import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from sunsweep.cli.verbs import cli
from sunsweep.mqtt.passwords import hash_password
from sunsweep.server.db.administer import BROKER_VIEWS
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import AuditEntry
from tests.support import mariadb as server
from tests.support.emqx import GRANTS
from tests.support.mariadb import MariaDB, running_mariadb
from tests.support.ports import free_port

BACKEND, BROKER, NAME = "prep_backend", "prep_broker", "prep_1"
PASSWORD = "a-password-for-the-broker"


pytestmark = pytest.mark.usefixtures("outside_of_any_loop")


@pytest.fixture
def empty(mariadb: MariaDB) -> Iterator[MariaDB]:
    """Nothing of ours in it."""
    yield mariadb
    mariadb.execute(f"DROP DATABASE IF EXISTS {NAME}")
    for user in (BACKEND, BROKER):
        mariadb.execute(f"DROP USER IF EXISTS '{user}'@'%'")


def told(port: int, *, backend: str = "of-the-backend", broker: str = "of-the-broker-1") -> dict[str, str]:
    return {
        "SUNSWEEP_ADMIN_DATABASE_URL": f"mysql://{server.USER}:{server.PASSWORD}@127.0.0.1:{port}",
        "SUNSWEEP_DATABASE_URL": f"mysql://{BACKEND}:{backend}@127.0.0.1:{port}/{NAME}",
        "SUNSWEEP_MQTT_PASSWORD": PASSWORD,
        "SUNSWEEP_MQTT_DATABASE_USER": BROKER,
        "SUNSWEEP_MQTT_DATABASE_PASSWORD": broker,
    }


def run(variables: Mapping[str, str], *words: str) -> Result:
    return CliRunner().invoke(cli, ["prepare", *words], env=dict(variables))


def ask(port: int, user: str, password: str, query: str) -> list[dict[str, Any]]:
    async def work() -> list[dict[str, Any]]:
        connection = await asyncmy.connect(host="127.0.0.1", port=port, user=user, password=password, database=NAME)
        try:
            async with connection.cursor(asyncmy.cursors.DictCursor) as cursor:
                await cursor.execute(query)
                return list(await cursor.fetchall())
        finally:
            await connection.ensure_closed()

    return asyncio.run(work())


def entries(url: str) -> list[tuple[str, str]]:
    async def work() -> list[tuple[str, str]]:
        database = Database(url)
        try:
            async with database.read() as session:
                return [(row.action, row.object) for row in await session.scalars(select(AuditEntry))]
        finally:
            await database.close()

    return asyncio.run(work())


def test_an_empty_server_becomes_one_that_broker_and_backend_can_use(empty: MariaDB) -> None:
    done = run(told(empty.port))
    assert done.exit_code == 0, done.output
    (login,) = ask(empty.port, BROKER, "of-the-broker-1", "SELECT * FROM mqtt_user")
    assert login["username"] == "sunsweep-backend"
    assert login["password_hash"] == hash_password(PASSWORD, login["salt"])
    assert ask(empty.port, BROKER, "of-the-broker-1", "SELECT * FROM mqtt_acl")


def test_the_broker_s_user_sees_the_two_views_and_nothing_else(empty: MariaDB) -> None:
    assert run(told(empty.port)).exit_code == 0
    for statement in ("SELECT * FROM user_account", "DELETE FROM mqtt_user", "SELECT * FROM mysql.user"):
        with pytest.raises(asyncmy.errors.OperationalError, match="denied"):
            ask(empty.port, BROKER, "of-the-broker-1", statement)


def test_by_hand_the_same_is_granted() -> None:
    granted = [line.split() for line in GRANTS.read_text().splitlines() if line.startswith("GRANT")]
    assert [(words[1], words[3]) for words in granted] == [("SELECT", view) for view in BROKER_VIEWS]


def test_again_it_changes_nothing(empty: MariaDB) -> None:
    first, second = run(told(empty.port)), run(told(empty.port))
    assert "at the broker: made anew" in first.stdout
    assert "at the broker: as it was" in second.stdout
    assert entries(told(empty.port)["SUNSWEEP_DATABASE_URL"]) == [("account.set", "account sunsweep-backend")]


def test_what_stands_already_is_no_failure_to_read_about(empty: MariaDB, caplog: pytest.LogCaptureFixture) -> None:
    assert [run(told(empty.port)).exit_code for _ in range(2)] == [0, 0]
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_passwords_that_have_changed_count_from_then_on(empty: MariaDB) -> None:
    assert run(told(empty.port)).exit_code == 0
    other = told(empty.port, backend="another-backend", broker="another-broker")
    assert run({**other, "SUNSWEEP_MQTT_PASSWORD": f"{PASSWORD}-2"}).exit_code == 0
    (login,) = ask(empty.port, BROKER, "another-broker", "SELECT * FROM mqtt_user")
    assert login["password_hash"] == hash_password(f"{PASSWORD}-2", login["salt"])
    for user, password in ((BACKEND, "of-the-backend"), (BROKER, "of-the-broker-1")):
        with pytest.raises(asyncmy.errors.OperationalError, match="denied"):
            ask(empty.port, user, password, "SELECT 1")


def test_secrets_may_be_files(empty: MariaDB, tmp_path: Path) -> None:
    variables = told(empty.port)
    for name in ("ADMIN_DATABASE_URL", "DATABASE_URL", "MQTT_PASSWORD", "MQTT_DATABASE_PASSWORD"):
        file = tmp_path / name
        file.write_text(variables.pop(f"SUNSWEEP_{name}"))
        variables[f"SUNSWEEP_{name}_FILE"] = str(file)
    assert run(variables).exit_code == 0
    assert ask(empty.port, BROKER, "of-the-broker-1", "SELECT * FROM mqtt_user")


def test_a_wrong_password_is_said_at_once(mariadb: MariaDB) -> None:
    begun = time.monotonic()
    ended = run({**told(mariadb.port), "SUNSWEEP_ADMIN_DATABASE_URL": f"mysql://root:no@127.0.0.1:{mariadb.port}"})
    assert ended.exit_code == 1
    assert "Access denied" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert time.monotonic() - begun < 20


def test_it_waits_for_a_server_that_comes(tmp_path: Path) -> None:
    with running_mariadb(tmp_path / "late") as late:
        late.stop()
        comes = threading.Timer(1.0, late.start)
        comes.start()
        try:
            done = run(told(late.port), "--within", "60")
        finally:
            comes.join()
        assert done.exit_code == 0, done.output


def test_a_server_that_does_not_come_is_named() -> None:
    ended = run(told(free_port()), "--within", "0.1")
    assert ended.exit_code == 1
    assert "the database cannot be used" in ended.stderr


def test_without_an_administrator_the_database_stands_already(sqlite_url: str) -> None:
    done = run({"SUNSWEEP_DATABASE_URL": sqlite_url, "SUNSWEEP_MQTT_PASSWORD": PASSWORD})
    assert done.stdout == "schema: up to date\nlogin sunsweep-backend at the broker: made anew\n"


@pytest.mark.parametrize("password", ["", "too-short"])
def test_a_short_password_is_refused(sqlite_url: str, password: str) -> None:
    ended = run({"SUNSWEEP_DATABASE_URL": sqlite_url, "SUNSWEEP_MQTT_PASSWORD": password})
    assert ended.exit_code == 1
    assert "at least 16 characters" in ended.stderr
