"""`make env`: secrets of one's own without being asked for one, and never over those that are there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from deploy.env import OPTIONAL, SHORTEST, EnvError, values, write_env
from sunsweep.server.settings import BackendSettings, PrepareSettings, ServeSettings
from tests.support.compose import ROOT

EXAMPLE = values((ROOT / ".env.example").read_text().splitlines())


def read(folder: Path) -> dict[str, str]:
    return values((folder / ".env").read_text().splitlines())


def change(folder: Path, name: str, value: str) -> None:
    file = folder / ".env"
    file.write_text(re.sub(rf"(?m)^{name}=.*$", f"{name}={value}", file.read_text()))


def test_the_example_has_the_same_names_in_the_same_order(env: dict[str, str]) -> None:
    assert list(env) == list(EXAMPLE)


def test_the_example_holds_no_secret() -> None:
    assert {name: EXAMPLE[name] for name in (*SHORTEST, *OPTIONAL)} == dict.fromkeys((*SHORTEST, *OPTIONAL), "")
    looks = re.compile(r"PASSWORD|SECRET|COOKIE|KEY|SMTP")
    assert {name for name in EXAMPLE if looks.search(name)} == {*SHORTEST, *OPTIONAL}


def test_every_secret_is_drawn_and_is_another_one_elsewhere(env: dict[str, str], tmp_path: Path) -> None:
    (other := tmp_path / "other" / "deploy").mkdir(parents=True)
    for name in (".env.example", "pyproject.toml"):
        (other.parent / name).write_bytes((ROOT / name).read_bytes())
    write_env(other.parent, {"DOMAIN": "sun.example.org"})
    drawn = [found[name] for found in (env, read(other.parent)) for name in SHORTEST]
    assert len(set(drawn)) == 2 * len(SHORTEST)
    assert min(map(len, drawn)) >= 40


def test_nobody_else_reads_them(env: dict[str, str], folder: Path) -> None:
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    secrets = folder / "deploy" / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in secrets.iterdir()} == {0o444}
    assert (secrets / "mqtt_password").read_text() == env["MQTT_PASSWORD"]
    assert (secrets / "database_url").read_text() == f"mysql://sunsweep:{env['MYSQL_BACKEND_PASSWORD']}@mysql/sunsweep"


def test_a_strict_umask_keeps_no_container_out(folder: Path) -> None:
    place = folder / "deploy" / "emqx"
    place.mkdir(mode=0o700)
    for name, mode in (("emqx.conf", 0o600), ("start.sh", 0o700)):
        (place / name).touch()
        (place / name).chmod(mode)
    write_env(folder, {"DOMAIN": "sun.example.org"})
    modes = [path.stat().st_mode & 0o777 for path in (place, place / "emqx.conf", place / "start.sh")]
    assert modes == [0o755, 0o644, 0o755]


def test_git_never_sees_them() -> None:
    assert {".env", "deploy/secrets/"} <= set((ROOT / ".gitignore").read_text().splitlines())


def test_again_nothing_changes(env: dict[str, str], folder: Path) -> None:
    change(folder, "MQTT_PASSWORD", "one-of-my-own")
    before = (folder / ".env").read_text()
    write_env(folder, {})
    assert (folder / ".env").read_text() == before
    assert (folder / "deploy" / "secrets" / "mqtt_password").read_text() == "one-of-my-own"


def test_secrets_whose_env_file_is_gone_are_not_drawn_over(env: dict[str, str], folder: Path) -> None:
    (folder / ".env").unlink()
    with pytest.raises(EnvError, match=r"Put \.env back"):
        write_env(folder, {"DOMAIN": "sun.example.org"})
    assert not (folder / ".env").exists()
    laid = folder / "deploy" / "secrets" / "mysql_root_password"
    assert laid.read_text() == env["MYSQL_ROOT_PASSWORD"]


def test_another_domain_that_machines_are_not_sent_to_is_said(env: dict[str, str], folder: Path) -> None:
    assert not [line for line in write_env(folder, {}) if "beware" in line]
    change(folder, "DOMAIN", "moon.example.org")
    (said,) = (line for line in write_env(folder, {}) if "beware" in line)
    assert "mqtts://sun.example.org:8883 sends machines elsewhere than to moon.example.org" in said
    change(folder, "MQTT_PUBLIC_URLS", "mqtts://moon.example.org:8883,wss://moon.example.org:8084/mqtt")
    assert not [line for line in write_env(folder, {}) if "beware" in line]


def test_what_a_newer_version_wants_is_added(env: dict[str, str], folder: Path) -> None:
    file = folder / ".env"
    file.write_text(re.sub(r"(?m)^(GRAFANA_PASSWORD|INGEST_MEMBERS)=.*\n", "", file.read_text()) + "MINE=kept\n")
    (folder / "pyproject.toml").write_text('version = "9.9.9"\n')
    says = write_env(folder, {})
    found = read(folder)
    assert found["INGEST_MEMBERS"] == "1"
    assert found["GRAFANA_PASSWORD"] not in ("", env["GRAFANA_PASSWORD"])
    assert found["SUNSWEEP_VERSION"] == "9.9.9"
    assert {name: found[name] for name in env if name not in ("GRAFANA_PASSWORD", "SUNSWEEP_VERSION")} == {
        name: env[name] for name in env if name not in ("GRAFANA_PASSWORD", "SUNSWEEP_VERSION")
    }
    assert found["MINE"] == "kept"
    assert sum("is new in it" in line for line in says) == 3


def test_a_copy_of_the_example_is_filled(folder: Path) -> None:
    (folder / ".env").write_text((folder / ".env.example").read_text().replace("DOMAIN=", "DOMAIN='a.example.org'"))
    write_env(folder, {})
    found = read(folder)
    assert found["DOMAIN"] == "a.example.org"
    assert found["MQTT_PUBLIC_URLS"] == "mqtts://a.example.org:8883"
    assert all(found[name] for name in SHORTEST)


def test_what_is_there_already_is_changed_there(env: dict[str, str], folder: Path) -> None:
    with pytest.raises(EnvError, match=r"DOMAIN is sun\.example\.org in \.env already"):
        write_env(folder, {"DOMAIN": "moon.example.org"})
    assert read(folder) == env


def test_without_a_domain_nothing_is_written(folder: Path) -> None:
    with pytest.raises(EnvError, match="make env DOMAIN="):
        write_env(folder, {})
    assert not (folder / ".env").exists()


@pytest.mark.parametrize("domain", ["https://a.example", "a_b.example", "-a.example", "a b", "::1", "1234", "a" * 300])
def test_what_is_no_name_is_refused(folder: Path, domain: str) -> None:
    with pytest.raises(EnvError, match="DOMAIN="):
        write_env(folder, {"DOMAIN": domain})
    assert not (folder / ".env").exists()
    assert not (folder / "deploy" / "secrets").exists()


@pytest.mark.parametrize("domain", ["192.0.2.7", "localhost"])
def test_a_trial_needs_no_domain(folder: Path, domain: str) -> None:
    write_env(folder, {"DOMAIN": domain})
    assert read(folder)["FIRST_ADMIN"] == "admin@localhost"


def test_more_is_opened_where_it_is_asked_for(folder: Path) -> None:
    asked = ["--domain", "A.example.org", "--email", "me@example.org", "--private", "10.0.0.7", "--wss", "yes"]
    program = [sys.executable, "-I", "-S", str(folder / "deploy" / "env.py"), *asked]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    found = read(folder)
    assert found["MQTT_PUBLIC_URLS"] == "mqtts://a.example.org:8883,wss://a.example.org:8084/mqtt"
    assert (found["MQTT_PRIVATE_ADDRESS"], found["MQTT_WSS_ADDRESS"]) == ("10.0.0.7", "0.0.0.0")
    assert (found["EMAIL"], found["FIRST_ADMIN"]) == ("me@example.org", "me@example.org")
    assert not [secret for secret in map(found.get, SHORTEST) if secret and secret in done.stdout + done.stderr]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MQTT_PASSWORD", "public"),
        ("WEB_SECRET_KEY", "only-thirty-one-characters-long"),
        ("MQTT_COOKIE", "1-begins-with-a-digit"),
        ("MYSQL_ROOT_PASSWORD", "has a blank in it"),
        ("MQTT_PRIVATE_ADDRESS", "everywhere"),
        ("FIRST_ADMIN", "nobody"),
    ],
)
def test_what_a_container_would_refuse_is_refused_here(
    env: dict[str, str], folder: Path, name: str, value: str
) -> None:
    change(folder, name, value)
    with pytest.raises(EnvError, match=name):
        write_env(folder, {})
    assert (folder / "deploy" / "secrets" / "mqtt_password").read_text() == env["MQTT_PASSWORD"]


def test_a_server_needs_python_and_make_alone(folder: Path) -> None:
    words = ["make", "-C", str(folder), "env", "DOMAIN=sun.example.org", "PRIVATE=10.0.0.7"]
    done = subprocess.run(
        words, env={"PATH": "/usr/bin:/bin", "EMAIL": "of@somebody"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert ".env is written, for sun.example.org" in done.stdout
    assert (read(folder)["MQTT_PRIVATE_ADDRESS"], read(folder)["EMAIL"]) == ("10.0.0.7", "")


@pytest.mark.parametrize("kind", [BackendSettings, ServeSettings, PrepareSettings])
def test_no_name_is_a_setting_of_the_programs(kind: type[BaseSettings]) -> None:
    names = {f"SUNSWEEP_{field.upper()}{end}" for field in kind.model_fields for end in ("", "_FILE")}
    assert not names & set(EXAMPLE)


def test_a_demo_in_the_same_folder_is_as_it_was(
    env: dict[str, str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = '{"mqtt_url":"mqtt://127.0.0.1:1883","mqtt_password":"p","secret_key":"only-for-tests-only-for-tests-only"}'
    (demo := tmp_path / "demo").mkdir()
    (demo / "backend.json").write_text(known)
    monkeypatch.chdir(demo)
    without = ServeSettings.of_folder(demo)
    monkeypatch.chdir(folder)
    assert (folder / ".env").exists()
    assert ServeSettings.of_folder(demo) == without
