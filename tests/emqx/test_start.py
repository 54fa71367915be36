"""start.sh: EMQX is started with secrets of one's own, or not at all."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.emqx import CONF

START = CONF.with_name("start.sh")
SECRETS = {
    "MQTT_COOKIE": "aCookieOfOnesOwn",
    "MQTT_PASSWORD": "dashboard-password",
    "MQTT_DATABASE_PASSWORD": "database-password",
    "SUNSWEEP_EMQX_KEY": "sunsweep-key",
    "SUNSWEEP_EMQX_SECRET": "sunsweep-secret",
}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "api-keys"


def start(keys: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What EMQX would be started with, as JSON."""
    say = "import json, os, sys; json.dump(dict(os.environ), sys.stdout)"
    return subprocess.run(
        [START, "/usr/bin/env", "python3", "-c", say],
        env={"PATH": "/usr/bin:/bin", "MQTT_API_KEYS_FILE": str(keys), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_secrets_reach_emqx_under_its_own_names(keys: Path) -> None:
    given = json.loads(start(keys, {**SECRETS, "MQTT_DATABASE_SERVER": "mariadb:3306"}).stdout)
    assert given["EMQX_NODE__COOKIE"] == "aCookieOfOnesOwn"
    assert given["EMQX_NODE__NAME"] == "emqx@127.0.0.1"
    assert given["EMQX_DASHBOARD__DEFAULT_PASSWORD"] == '"dashboard-password"'
    for place in ("EMQX_AUTHENTICATION__1__", "EMQX_AUTHORIZATION__SOURCES__1__"):
        assert given[f"{place}PASSWORD"] == '"database-password"'
        assert given[f"{place}SERVER"] == '"mariadb:3306"'
    assert keys.read_text() == "sunsweep-key:sunsweep-secret\n"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert not SECRETS.keys() & given.keys()
    assert not [name for name in given if name.endswith("__BIND")]


@pytest.mark.parametrize("name", SECRETS)
def test_without_a_secret_nothing_starts(keys: Path, name: str) -> None:
    for bad in ("", "short", 'has"quotes-in-it', "has blanks in it"):
        ended = start(keys, {**SECRETS, name: bad})
        assert (ended.returncode, ended.stdout) == (1, ""), bad
        assert ended.stderr.startswith(f"start.sh: {name} ")


def test_a_secret_may_be_a_file(keys: Path, tmp_path: Path) -> None:
    file = tmp_path / "cookie"
    file.write_text("aCookieFromAFile\n")
    without = {name: value for name, value in SECRETS.items() if name != "MQTT_COOKIE"}
    given = json.loads(start(keys, {**without, "MQTT_COOKIE_FILE": str(file)}).stdout)
    assert given["EMQX_NODE__COOKIE"] == "aCookieFromAFile"
    ended = start(keys, {**without, "MQTT_COOKIE_FILE": str(tmp_path / "none")})
    assert ended.returncode == 1
    assert "cannot be read" in ended.stderr


def test_plain_listeners_open_on_the_private_network_that_is_named(keys: Path) -> None:
    given = json.loads(start(keys, {**SECRETS, "MQTT_PRIVATE_ADDRESS": "10.0.0.7"}).stdout)
    assert {name: value for name, value in given.items() if name.endswith("__BIND")} == {
        "EMQX_LISTENERS__TCP__DEFAULT__BIND": '"10.0.0.7:1883"',
        "EMQX_LISTENERS__WS__DEFAULT__BIND": '"10.0.0.7:8083"',
        "EMQX_DASHBOARD__LISTENERS__HTTP__BIND": '"10.0.0.7:18083"',
    }
