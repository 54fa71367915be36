"""`sunsweep doctor` as an operator runs it: beside `sunsweep up`, against nothing, and interrupted."""

import asyncio
import json
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.support.command import Ended, Site, running, sunsweep
from tests.support.fake_broker import fake_broker, until_gone
from tests.support.platform import eventually
from tests.support.ports import free_port

SECRET = "not-to-be-seen-not-to-be-seen-42"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "data")


def levels(ended: Ended) -> dict[str, set[str]]:
    """Of the lines, by check."""
    found: dict[str, set[str]] = {}
    for level, check, *_ in map(str.split, ended.out.partition("\n\n")[0].splitlines()):
        found.setdefault(check, set()).add(level)
    return found


def companies(database: Path) -> list[str]:
    with sqlite3.connect(database) as connection:
        found = [name for (name,) in connection.execute("SELECT name FROM company")]
    connection.close()
    return found


async def test_a_platform_that_runs_is_well_and_one_that_has_ended_is_not(site: Site) -> None:
    async with site.up("--machines", "1") as up:
        ended = await sunsweep("doctor", "--data", str(site.data))
        assert (ended.code, ended.err) == (0, "")
        assert set().union(*levels(ended).values()) <= {"ok", "warning", "unknown"}
        assert levels(ended)["rights"] == levels(ended)["broker"] == levels(ended)["database"] == {"ok"}

        ended = await sunsweep("doctor", "--data", str(site.data), "--json", "--metrics", f"{site.url}/metrics")
        document = json.loads(ended.out)
        assert document["ok"] is True
        assert {finding["check"] for finding in document["findings"]} >= {"rights", "queues", "tls"}
        assert "waiting within an ingest" in ended.out

        quiet = await sunsweep("doctor", "--data", str(site.data), "--without", "rights", "--without", "clocks")
        assert quiet.code == 0
        assert levels(quiet)["queues"] == {"ok", "unknown"}
        assert "all is well" not in quiet.out

        narrow = await sunsweep("doctor", "--data", str(site.data), "--without", "rights", "--min-free-gib", "1e9")
        assert narrow.code == 1
        assert levels(narrow)["disk"] == {"fails"}
        assert "rights" not in levels(narrow)
        await up.told(signal.SIGTERM)

    with sqlite3.connect(site.data / "sunsweep.db") as connection:
        entries = connection.execute(
            "SELECT action, company_id FROM audit_entry WHERE object LIKE '%doctor%'"
        ).fetchall()
    connection.close()
    assert entries == [("machine.add", None), ("machine.delete", None)] * 2

    ended = await sunsweep("doctor", "--data", str(site.data), "--min-free-gib", "0")
    assert ended.code == 1
    failed = {check for check, found in levels(ended).items() if "fails" in found}
    assert {"broker", "rights", "duties"} <= failed
    assert "ok" not in levels(ended)["ingest"], "whether somebody takes it over is not known for some seconds"
    assert failed.isdisjoint({"database", "migrations", "disk", "settings"})
    secrets = json.loads((site.data / "backend.json").read_bytes())
    assert secrets["mqtt_password"] not in ended.out
    assert secrets["secret_key"] not in ended.out
    assert companies(site.data / "sunsweep.db") == ["Demo Solar"]


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (("--data", "nowhere"), {}, "nowhere is no folder of `sunsweep up`"),
        ((), {}, "SUNSWEEP_DATABASE_URL: Field required"),
        ((), {"SUNSWEEP_DATABASE_URL": "what://is/this"}, "SUNSWEEP_DATABASE_URL"),
        ((), {"SUNSWEEP_DATABASE_URL": "sqlite:///missing.db"}, "there is no database missing.db"),
        ((), {"SUNSWEEP_DATABASE_URL": "sqlite:///x.db", "SUNSWEEP_MQTT_URL": "http://x"}, "SUNSWEEP_MQTT_URL"),
        (("--without", "everything"), {"SUNSWEEP_DATABASE_URL": "sqlite:///x.db"}, "there is no check 'everything'"),
    ],
)
async def test_without_settings_it_cannot_run(
    tmp_path: Path, words: tuple[str, ...], env: dict[str, str], said: str
) -> None:
    ended = await sunsweep("doctor", *words, env=env, cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert said in line
    assert list(tmp_path.iterdir()) == []


async def test_a_database_out_of_reach_is_told_in_a_line(tmp_path: Path) -> None:
    # As with a folder that may not be entered, where the tests are not root's.
    url = f"sqlite+aiosqlite:///{tmp_path}/{'x' * 300}/sunsweep.db"
    env = {"SUNSWEEP_DATABASE_URL": url, "SUNSWEEP_MQTT_USERNAME": "u", "SUNSWEEP_MQTT_PASSWORD": SECRET}
    ended = await sunsweep("doctor", env=env, cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert "File name too long" in line


async def test_it_shows_no_secret_where_nothing_answers(tmp_path: Path) -> None:
    env = {
        "SUNSWEEP_DATABASE_URL": f"mysql://sunsweep:{SECRET}@127.0.0.1:{free_port()}/x",
        "SUNSWEEP_MQTT_URL": f"mqtt://me:{SECRET}@127.0.0.1:{free_port()}",
        "SUNSWEEP_MQTT_PASSWORD": SECRET,
        "SUNSWEEP_SECRET_KEY": SECRET,
        "SUNSWEEP_EMQX_URL": f"http://127.0.0.1:{free_port()}",
        "SUNSWEEP_EMQX_SECRET": SECRET,
    }
    ended = await sunsweep("doctor", env=env, cwd=tmp_path)
    assert ended.code == 1
    assert levels(ended)["database"] == levels(ended)["broker"] == levels(ended)["emqx"] == {"fails"}
    assert levels(ended)["migrations"] == levels(ended)["rights"] == levels(ended)["counting"] == {"unknown"}
    assert SECRET not in ended.out + ended.err


async def test_interrupted_it_puts_away_what_it_has_made(tmp_path: Path) -> None:
    database = tmp_path / "x.db"

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await until_gone(reader)

    async with fake_broker(silent) as broker:
        env = {
            "SUNSWEEP_DATABASE_URL": f"sqlite:///{database}",
            "SUNSWEEP_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
            "SUNSWEEP_MQTT_PASSWORD": SECRET,
            "SUNSWEEP_SECRET_KEY": SECRET,
        }
        assert (await sunsweep("migrate", env=env)).code == 0

        async def made() -> bool:
            return len(companies(database)) == 2

        async with running("doctor", "--json", "--without", "settings", env=env) as program:
            await eventually(made, within_s=30)
            ended = await program.told(signal.SIGTERM)
    assert ended.code == 130
    assert json.loads(ended.out)["ok"] is False, "not everything was looked at"
    assert companies(database) == []
    assert "Traceback" not in ended.err
