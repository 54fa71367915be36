"""`sunsweep command send`: what it writes, what it waits for, and what it says when it cannot."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from sqlalchemy import select
from typer.testing import CliRunner, Result

from sunsweep.cli.verbs import cli
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import CommandRow
from tests.support.command import Site

SECRET = "only-for-tests-only-for-tests-only"


@pytest.fixture
def url(
    blocking_calls: BlockBuster, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[str]:
    """A migrated database with a company and a machine. A verb has a loop of its own, and nobody else waits in it."""
    blocking_calls.deactivate()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUNSWEEP_DATA", raising=False)
    monkeypatch.setenv("SUNSWEEP_DATABASE_URL", database_url)
    monkeypatch.setenv("SUNSWEEP_SECRET_KEY", SECRET)
    for words in ("migrate", "company add Alpha", "machine add SCM-1"):
        assert CliRunner().invoke(cli, words.split()).exit_code == 0
    yield database_url
    blocking_calls.activate()


def send(*words: str) -> Result:
    return CliRunner().invoke(cli, ["command", "send", *words])


def refused(*words: str) -> str:
    ended = send(*words)
    assert (ended.exit_code, ended.stdout) == (1, "")
    return ended.stderr.removeprefix("sunsweep: ").rstrip()


def rows(url: str) -> list[CommandRow]:
    async def read() -> list[CommandRow]:
        database = Database(url)
        async with database.read() as session:
            found = list(await session.scalars(select(CommandRow).order_by(CommandRow.id)))
        await database.close()
        return found

    return asyncio.run(read())


def test_it_is_written_as_over_rest(url: str) -> None:
    sent = send("SCM-1", "start_cleaning", "speed=5", "mode=auto", "--expires-in", "60")
    assert sent.exit_code == 0
    (row,) = rows(url)
    assert sent.stdout == f"start_cleaning for SCM-1: {row.id}\n"
    assert (row.command, json.loads(row.params), row.state) == (
        "start_cleaning",
        {"speed": 5, "mode": "auto"},
        "queued",
    )
    assert row.expires_at == row.issued_at + 60_000
    assert (row.issued_by, row.issued_by_key) == (None, None)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("SCM-2", "pause"), "there is no machine SCM-2"),
        (("SCM-1", "pause", "--company", "7"), "there is no machine SCM-1"),
        (("SCM-1", "start_cleaning", "speed"), "'speed' is no parameter; write name=value"),
        (("SCM-1", "start_cleaning", "=5"), "'=5' is no parameter; write name=value"),
        (("SCM-1", "start_cleaning", "speed=5", "speed=6"), "the parameter speed is given twice"),
    ],
)
def test_what_cannot_be_sent_is_said_in_a_line_and_nothing_is_written(
    url: str, words: tuple[str, ...], why: str
) -> None:
    assert refused(*words) == why
    assert rows(url) == []


def test_a_bad_parameter_is_refused_with_its_name(url: str) -> None:
    assert "speed" in refused("SCM-1", "start_cleaning", "speed=11")
    assert rows(url) == []


def test_waiting_in_vain_fails_and_says_that_the_command_goes_on(url: str) -> None:
    waited = send("SCM-1", "pause", "--wait", "--timeout", "0.3")
    assert waited.exit_code == 1
    (row,) = rows(url)
    first, step = waited.stdout.splitlines()
    assert first.endswith(row.id)
    assert step.endswith("  queued")
    assert waited.stderr == "sunsweep: the command is still queued after 0.3 s; it goes on without this program\n"


async def test_a_running_system_takes_it_and_the_machines_own_words_end_the_wait(tmp_path: Path) -> None:
    site = Site(tmp_path / "data")
    async with site.up("--machines", "1", "--speed", "20"):
        (serial,) = await site.serials()
        told = await site.verb("command", "send", serial, "start_cleaning", "speed=5", "--wait")
        states = [line.split()[1] for line in told.splitlines()[1:]]
        assert states[0] == "queued"
        assert states[-1] == "succeeded"
        stopped = await site.verb("command", "send", serial, "stop_cleaning", "--wait")
        assert stopped.splitlines()[-1].split()[1] == "succeeded"
