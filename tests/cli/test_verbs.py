"""The admin verbs: what they do to the database that is configured, and what they say when they cannot."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from sqlalchemy import text
from typer.testing import CliRunner

from sunsweep.cli.verbs import cli
from sunsweep.contract.refusal import Reason
from sunsweep.mqtt.port import Message
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.ingest.messages import Rejected
from sunsweep.server.ingest.store import Store
from tests.support.command import Ended, sunsweep

SECRET = "only-for-tests-only-for-tests-only"


pytestmark = pytest.mark.usefixtures("outside_of_any_loop")


def verb(*words: str, url: str | None = None, **settings: str) -> Ended:
    env: dict[str, str | None] = {"SUNSWEEP_DATABASE_URL": url, "SUNSWEEP_SECRET_KEY": SECRET, **settings}
    result = CliRunner().invoke(cli, list(words), env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


def done(*words: str, url: str) -> str:
    ended = verb(*words, url=url)
    assert (ended.code, ended.err) == (0, "")
    return ended.out


def refused(*words: str, url: str | None = None, **settings: str) -> str:
    ended = verb(*words, url=url, **settings)
    assert (ended.code, ended.out) == (1, "")
    (line,) = ended.err.splitlines()
    return line.removeprefix("sunsweep: ")


@pytest.fixture
def url(database_url: str) -> str:
    """A migrated database with two companies and a machine."""
    assert done("migrate", url=database_url) == "the database's schema is up to date\n"
    assert done("migrate", url=database_url) == "the database's schema is up to date\n"
    for number, name in enumerate(("Alpha", "Bêta & Söhne"), start=1):
        assert done("company", "add", name, url=database_url) == f"company {number}: {name}\n"
    done("machine", "add", "SCM-1", "--company", "1", url=database_url)
    return database_url


def test_people_come_and_go(url: str) -> None:
    email, password = done("user", "add", "Ann@Example.com", "--role", "operator", "--company", "2", url=url).split()
    assert email == "Ann@Example.com"
    assert len(password) >= 12
    done("user", "add", "root@example.com", "--role", "platform_admin", url=url)
    assert done("user", "list", url=url).splitlines() == [
        f"{'ann@example.com':<32} {'operator':<15} 2",
        f"{'root@example.com':<32} {'platform_admin':<15} platform",
    ]
    assert done("user", "password", "ann@example.com", url=url).split()[1] != password
    assert done("user", "token", "ann@example.com", url=url).count(".") == 2
    assert done("user", "disable", "ann@example.com", url=url) == "ann@example.com is disabled\n"
    assert "disabled since" in done("user", "list", url=url)
    assert refused("user", "token", "ann@example.com", url=url) == "ann@example.com is disabled"
    assert refused("user", "reset-link", "ann@example.com", url=url) == "ann@example.com is disabled"
    assert done("user", "enable", "ann@example.com", url=url) == "ann@example.com is enabled\n"
    assert "disabled" not in done("user", "list", url=url)
    assert done("user", "reset-link", "ann@example.com", url=url).startswith("http://127.0.0.1:8000/app/reset?token=")
    elsewhere = verb("user", "reset-link", "ann@example.com", url=url, SUNSWEEP_PUBLIC_URL="https://sun.example/")
    assert elsewhere.out.startswith("https://sun.example/app/reset?token=")
    assert "SUNSWEEP_PUBLIC_URL" in refused("user", "reset-link", "ann@example.com", url=url, SUNSWEEP_PUBLIC_URL="sun")
    assert [line.split()[:2] for line in done("company", "list", url=url).splitlines()] == [
        ["1", "Alpha"],
        ["2", "Bêta"],
    ]


def test_machines_come_change_and_move(url: str) -> None:
    login = json.loads(done("machine", "add", "SCM-2", "--company", "1", "--json", url=url))
    assert list(login) == ["machine_id", "company_id", "mqtt_username", "mqtt_password"]
    assert (login["machine_id"], login["company_id"]) == ("SCM-2", 1)
    assert active_logins(url, "SCM-2") == {login["mqtt_username"]}

    fresh = json.loads(done("machine", "rotate", "SCM-2", "--json", url=url))
    assert active_logins(url, "SCM-2") == {login["mqtt_username"], fresh["mqtt_username"]}

    assert done("machine", "disable", "SCM-2", url=url) == "SCM-2 is disabled\n"
    assert active_logins(url, "SCM-2") == set()
    assert "disabled" in done("machine", "list", url=url)
    assert done("machine", "enable", "SCM-2", url=url) == "SCM-2 is enabled\n"

    moved = json.loads(done("machine", "move", "SCM-2", "--to", "2", "--json", url=url))
    assert moved["company_id"] == 2
    assert active_logins(url, "SCM-2") == {moved["mqtt_username"]}
    assert [line.split()[0] for line in done("machine", "list", url=url).splitlines()] == ["SCM-1"]
    assert [line.split()[0] for line in done("machine", "list", "--company", "2", url=url).splitlines()] == ["SCM-2"]


def test_dead_letters_are_listed_and_fed_in_again(url: str) -> None:
    asyncio.run(refuse(url, b'{"battery":13}', b"rubbish \x1b[2J"))
    newest, oldest = done("dead-letters", "list", "--machine", "LATER-1", url=url).splitlines()
    assert "unknown_machine" in newest
    assert "company/1/machine/LATER-1/telemetry" in oldest
    assert "?[2J" in oldest, "strangers' words do not speak to the terminal"
    assert done("dead-letters", "list", "--company", "1", url=url) == ""
    assert done("dead-letters", "list", "--until", "2020-01-01T00:00:00Z", url=url) == ""
    assert refused("dead-letters", "list", "--since", "yesterday", url=url) == "--since is no ISO 8601 time"
    assert "a serial has" in refused("dead-letters", "replay", "--machine", "%", url=url)

    done("machine", "add", "LATER-1", "--company", "1", url=url)
    fed_in = verb("dead-letters", "replay", "--reason", "unknown_machine", url=url)
    assert (fed_in.code, fed_in.out) == (0, "1 stored, 1 refused again, 0 without their bytes\n")
    assert fed_in.err == "2 fed in\n"
    assert "not_json" in done("dead-letters", "list", "--company", "1", url=url)
    assert "online" in done("machine", "list", url=url)


async def refuse(url: str, *payloads: bytes) -> None:
    """Keep messages of a machine that is not known yet as dead letters."""
    database = Database(url)
    now_ms = wall_clock()
    messages = [Message("company/1/machine/LATER-1/telemetry", one, 0, False, None, 1, now_ms) for one in payloads]
    try:
        store = Store(database, now_ms=wall_clock)
        await store.commit([Rejected(one, None, Reason.UNKNOWN_MACHINE, "\x1b[2J", None) for one in messages])
    finally:
        await database.close()


def active_logins(url: str, serial: str) -> set[str]:
    """As the broker sees them."""

    async def look() -> set[str]:
        database = Database(url)
        try:
            async with database.read() as session:
                rows = (await session.execute(text("SELECT username, topic FROM mqtt_acl"))).all()
                known = {name for (name,) in (await session.execute(text("SELECT username FROM mqtt_user"))).all()}
        finally:
            await database.close()
        return {name for name, topic in rows if f"/machine/{serial}/" in topic} & known

    return asyncio.run(look())


def test_the_ledger_is_recounted(url: str) -> None:
    done("machine", "add", "SCM-2", "--company", "2", url=url)
    figures = dict.fromkeys(["boots", "stored", "rejected", "given_up", "not_yet_arrived", "unnumbered"], 0)
    good = {"machines": 2, **figures, "disagreements": 0, "shown": []}
    assert json.loads(done("ledger", "check", "--json", url=url)) == good
    assert "machines         1\n" in done("ledger", "check", "--machine", "SCM-2", "--company", "2", url=url)
    change(url, "INSERT INTO ledger_boot VALUES (1, 7, 2, 2, 0, 0, 0, 0)")
    assert verb("ledger", "check", url=url).out.startswith(
        "machine SCM-1 of company 1, boot 7, in all: "
        "counted last 2, stored 2, rejected 0, given up 0, missing 0; the days say nothing"
    )
    change(url, "INSERT INTO ledger_day VALUES (1, 7, 86400000, 2, '[[1,2]]', '[]')")
    wrong = verb("ledger", "check", url=url)
    assert (wrong.code, wrong.err) == (1, "")
    assert wrong.out.splitlines()[0] == (
        "machine SCM-1 of company 1, boot 7, day 1970-01-02T00:00:00.000Z: "
        "counted 2 rows, stored 1-2; the rows say nothing"
    )
    assert json.loads(verb("ledger", "check", "--json", url=url).out)["shown"][0]["machine_id"] == "SCM-1"
    done("ledger", "check", "--company", "2", url=url)


def test_a_ledger_that_cannot_be_recounted_is_no_disagreement(url: str) -> None:
    for words in (
        ("--machine", "NONE"),
        ("--machine", "ü"),
        ("--machine", "SCM-1", "--company", "2"),
        ("--company", "9"),
    ):
        ended = verb("ledger", "check", *words, url=url)
        assert (ended.code, ended.out) == (2, "")
    away = verb("ledger", "check", url="mysql://nobody@127.0.0.1:1/none")
    assert (away.code, away.err.startswith("sunsweep: the database cannot be used: ")) == (2, True)


def change(url: str, statement: str) -> None:
    async def run() -> None:
        database = Database(url)
        async with database.transaction() as connection:
            await connection.execute(text(statement))
        await database.close()

    asyncio.run(run())


def test_what_cannot_be_done_is_one_line(url: str) -> None:
    assert refused("machine", "add", "SCM-9", "--company", "9", url=url) == "there is no company 9"
    assert "there is a machine SCM-1 already" in refused("machine", "add", "SCM-1", url=url)
    assert "1 to 64 letters" in refused("machine", "add", "a b/c", url=url)
    for words in (("rotate",), ("disable",), ("enable",), ("move", "--to", "2")):
        assert refused("machine", words[0], "NONE", *words[1:], url=url) == "there is no machine NONE"
    assert refused("machine", "move", "SCM-1", "--to", "9", url=url) == "there is no company 9"
    assert "already" in refused("machine", "move", "SCM-1", "--to", "1", url=url)
    assert refused("machine", "list", "--company", "9", url=url) == "there is no company 9"
    for word in ("password", "disable", "token"):
        assert refused("user", word, "nobody@example.com", url=url) == "there is no user nobody@example.com"
    assert "no e-mail address" in refused("user", "add", "nobody", "--company", "1", url=url)
    assert "platform admin" in refused("user", "add", "x@example.com", url=url)
    assert refused("company", "add", "Alpha", url=url) == "there is a company Alpha already"
    assert "1 to 120" in refused("company", "add", "x" * 121, url=url)


def test_an_unmigrated_database_is_said(database_url: str) -> None:
    for words in (("user", "list"), ("machine", "add", "X"), ("user", "token", "a@b.c")):
        assert "run `sunsweep migrate` first" in refused(*words, url=database_url)


def test_no_database_and_no_settings_are_said() -> None:
    away = "mysql+asyncmy://me:hidden@127.0.0.1:1/x"
    for words in (("user", "list"), ("migrate",), ("company", "add", "X")):
        line = refused(*words, url=away)
        assert line.startswith("the database cannot be used: ")
        assert "hidden" not in line
        assert refused(*words) == "SUNSWEEP_DATABASE_URL: Field required"
        assert refused(*words, url="nonsense").startswith("SUNSWEEP_DATABASE_URL: ")
        assert "is no folder of `sunsweep up`" in refused(*words, "--data", "/nowhere")
    assert "SUNSWEEP_SECRET_KEY: " in refused("user", "token", "a@b.c", url=away, SUNSWEEP_SECRET_KEY="short")


def commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *path, name)


@pytest.mark.parametrize(("path", "command"), list(commands(typer.main.get_command(cli))), ids=str)
def test_everything_has_its_help(path: tuple[str, ...], command: Any) -> None:
    assert (command.help or "").strip().endswith((".", ")"))
    silent = [one.name for one in command.params if not getattr(one, "help", None)]
    assert silent == []
    ended = verb(*path, "--help")
    assert ended.code == 0
    assert "…" not in ended.out.replace("login…", "")


async def test_the_program_itself_says_its_version_and_what_it_does_not_know() -> None:
    assert (await sunsweep("--version")).out == "sunsweep 0.1.0\n"
    unknown = await sunsweep("fly")
    assert unknown.code == 2
    assert "No such command 'fly'" in unknown.err
    assert "Traceback" not in unknown.err


def test_a_verb_does_not_wait_for_the_web_server_s_parts_to_be_imported() -> None:
    words = "import sunsweep.cli.verbs, sys; print({'fastapi', 'uvicorn', 'starlette'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", words], text=True) == "set()\n"


def test_a_code_is_printed_with_what_to_type_on_the_machine(url: str) -> None:
    done("machine", "add", "CODE-1", url=url)
    text = done("machine", "code", "CODE-1", url=url)
    code = text.split("--code ")[1].strip()
    assert len(code.replace("-", "")) == 16
    told = json.loads(done("machine", "code", "CODE-1", "--json", "--expires-in", "600", url=url))
    assert set(told) == {"code", "expires_at"}
    assert told["code"] != code
    assert "no machine NOBODY" in refused("machine", "code", "NOBODY", url=url)
