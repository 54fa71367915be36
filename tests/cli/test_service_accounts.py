"""`account set`: a login of the backend with just the topics of its roles."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sunsweep.cli.verbs import cli
from sunsweep.mqtt.passwords import hash_password
from sunsweep.mqtt.port import BrokerUser
from sunsweep.server.broker.logins import broker_users
from sunsweep.server.broker.rules import rules_of
from sunsweep.server.db.engine import Database
from sunsweep.server.settings import Role

pytestmark = pytest.mark.usefixtures("outside_of_any_loop")


@pytest.fixture
def url(sqlite_url: str) -> str:
    assert run(sqlite_url, "migrate").exit_code == 0
    return sqlite_url


def run(url: str, *words: str) -> Result:
    return CliRunner().invoke(cli, list(words), env={"SUNSWEEP_DATABASE_URL": url})


def users(url: str) -> dict[str, BrokerUser]:
    async def read() -> list[BrokerUser]:
        database = Database(url)
        try:
            return await broker_users(database)
        finally:
            await database.close()

    return {user.username: user for user in asyncio.run(read())}


def fits(user: BrokerUser, password: str) -> bool:
    return user.password_hash == hash_password(password, user.salt)


def test_a_drawn_password_is_printed_once_and_fits(url: str) -> None:
    said = run(url, "account", "set", "ingest-1", "--role", "ingest").stdout
    assert said.startswith("ingest-1 may do what ingest needs\n")
    user = users(url)["ingest-1"]
    assert fits(user, said.split()[-1])
    assert {rule.topic_filter for rule in user.rules} == {topic for _, topic in rules_of([Role.INGEST])}


def test_set_again_replaces_password_and_rights(url: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("a-password-out-of-a-file\n")
    run(url, "account", "set", "web", "--role", "ingest")
    ended = run(url, "account", "set", "web", "--role", "api", "--role", "live", "--password-file", str(file))
    assert ended.stdout == "web may do what api, live needs\n"
    user = users(url)["web"]
    assert fits(user, "a-password-out-of-a-file")
    assert {rule.topic_filter for rule in user.rules} == {topic for _, topic in rules_of([Role.API, Role.LIVE])}


@pytest.mark.parametrize("name", ["m-0123456789abcdef", "m-", "a b", "ü", ""])
def test_a_name_that_could_be_a_machine_s_is_refused(url: str, name: str) -> None:
    ended = run(url, "account", "set", name, "--role", "api")
    assert ended.exit_code == 1
    assert "an account's name" in ended.stderr
    assert users(url) == {}


def test_a_short_password_is_refused(url: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("too-short\n")
    ended = run(url, "account", "set", "web", "--role", "api", "--password-file", str(file))
    assert (ended.exit_code, users(url)) == (1, {})
    assert "at least 16 characters" in ended.stderr
