"""Admin verbs in the audit log: each leaves its entry, with the account that ran it and the computer."""

import asyncio
import os
import pwd
import re
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.main import get_command
from typer.testing import CliRunner

from sunsweep.cli.verbs import cli
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import AuditEntry

OPEN = re.compile(r"m-|[0-9a-f]{8}-[0-9a-f]{4}-7")
"""Long words that are no secrets: the name of a login, the id of a command."""
READING = {"company list", "user list", "machine list", "dead-letters list", "ledger check"}
"""What changes nothing that anybody could be called to account for."""
VERBS: dict[str, tuple[str, list[tuple[str, str, int | None]]]] = {
    "company add": ("Gamma", [("company.add", "company 3", 3)]),
    "user add": ("new@example.com --company 1", [("user.add", "user new@example.com", 1)]),
    "user password": ("ann@example.com", [("user.password", "user ann@example.com", 1)]),
    "user token": ("ann@example.com", [("user.token", "user ann@example.com", 1)]),
    "user reset-link": ("ann@example.com", [("user.link", "user ann@example.com", 1)]),
    "user disable": ("ann@example.com", [("user.disable", "user ann@example.com", 1)]),
    "user enable": ("ann@example.com", [("user.enable", "user ann@example.com", 1)]),
    "machine add": ("NEW-1", [("machine.add", "machine NEW-1", 1)]),
    "machine rotate": ("M-1", [("machine.rotate", "machine M-1", 1)]),
    "machine code": ("M-1", [("machine.code", "machine M-1", 1)]),
    "machine disable": ("M-1", [("machine.change", "machine M-1", 1)]),
    "machine enable": ("M-1", [("machine.change", "machine M-1", 1)]),
    "machine move": ("M-1 --to 2", [("machine.move", "machine M-1", 1), ("machine.move", "machine M-1", 2)]),
    "account set": ("ingest --role ingest", [("account.set", "account ingest", None)]),
    "command send": ("M-1 pause --company 2", [("command.give", "machine M-1", 2)]),
    "dead-letters replay": ("--company 2", [("dead_letter.replay", "dead letters", 2)]),
}


@pytest.fixture(autouse=True)
def configured(outside_of_any_loop: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SUNSWEEP_DATABASE_URL", f"sqlite:///{tmp_path / 'x.db'}")
    monkeypatch.setenv("SUNSWEEP_SECRET_KEY", "only-for-tests-only-for-tests-only")


def run(words: str) -> str:
    result = CliRunner().invoke(cli, words.split())
    assert result.exit_code == 0, result.output
    return result.stdout


def entries(after: int) -> Sequence[AuditEntry]:
    async def read() -> Sequence[AuditEntry]:
        database = Database(os.environ["SUNSWEEP_DATABASE_URL"])
        async with database.read() as session:
            found = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
        await database.close()
        return found[after:]

    return asyncio.run(read())


def groups() -> Iterator[str]:
    command: Any = get_command(cli)
    for name, group in command.commands.items():
        yield from (f"{name} {verb}" for verb in getattr(group, "commands", {}))


def test_every_admin_verb_is_here() -> None:
    assert set(groups()) == READING | set(VERBS)


def test_every_verb_that_changes_something_leaves_its_entries() -> None:
    for words in ("migrate", "company add Alpha", "company add Beta", "user add ann@example.com --company 1"):
        run(words)
    run("machine add M-1")
    account = pwd.getpwuid(os.getuid()).pw_name
    known = len(entries(0))
    for verb, (words, wanted) in VERBS.items():
        told = run(f"{verb} {words}")
        found = entries(known)
        known += len(found)
        assert [(entry.action, entry.object, entry.company_id) for entry in found] == wanted, verb
        for entry in found:
            who = (entry.actor_kind, entry.actor_id, entry.actor, entry.address, entry.outcome)
            assert who == ("command_line", os.getuid(), account, socket.gethostname()[:64], "done"), verb
            secrets = {word for word in told.split() if len(word) >= 12 and not OPEN.match(word)}
            assert not [word for word in secrets if word in entry.detail], verb


def test_a_verb_that_fails_leaves_none() -> None:
    run("migrate")
    assert CliRunner().invoke(cli, ["machine", "add", "M-1", "--company", "9"]).exit_code == 1
    assert entries(0) == []
