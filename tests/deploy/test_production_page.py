"""docs/production.md: what it tells to type and to change exists."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deploy.test_compose import PRIVATE, WORLD
from tests.support.compose import ROOT, composed

PAGE: Final = (ROOT / "docs" / "production.md").read_text()
TOLD: Final = {"DOMAIN", "EMAIL", "PRIVATE", "WSS"}
"""What `make env` takes by names of its own."""
SCRIPTS: Final = {"KEEP", "MYSQL_HOST", "MYSQL_PASSWORD_FILE"}
"""What deploy/mysql is told."""


def test_every_variable_that_it_names_is_one_of_the_env_file(env: dict[str, str]) -> None:
    named = set(re.findall(r"\b([A-Z][A-Z_]{3,})=|`([A-Z]+_[A-Z_]+)`", PAGE))
    assert {name for pair in named for name in pair if name} <= env.keys() | TOLD | SCRIPTS


def test_every_service_that_it_calls_exists(env: dict[str, str]) -> None:
    services: dict[str, Any] = composed(env)["services"]
    called = set(re.findall(r"docker compose (?:exec|logs -f|logs|cp|restart) (\w+)", PAGE))
    assert called
    assert called <= services.keys()


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    assert set(re.findall(r"(?m)(?:`|^ *)make ([a-z-]+)", PAGE)) <= targets


def test_its_table_of_ports_is_whole() -> None:
    rows = re.findall(r"(?m)^\| ([\d, ]+) \|", PAGE)
    ports = {int(port) for row in rows for port in row.split(", ")}
    assert ports == WORLD | PRIVATE | {8084, 3306}


def test_a_file_of_ones_own_is_compose_s_and_its_command_the_program_s(env: dict[str, str]) -> None:
    services: dict[str, Any] = composed(env)["services"]
    blocks = [yaml.safe_load(block) for block in re.findall(r"```\n(services:\n.*?)```", PAGE, re.DOTALL)]
    assert blocks
    for block in blocks:
        assert block["services"].keys() <= services.keys()
    (command,) = (block["services"]["certs"]["command"] for block in blocks if "certs" in block["services"])

    def but_hosts(words: list[str]) -> list[str]:
        return [word for word in words if not word.startswith("--host=")]

    assert but_hosts(command) == but_hosts(services["certs"]["command"])
    assert len(command) == len(services["certs"]["command"]) + 1


def test_a_dump_is_made_and_loaded_by_the_scripts_as_the_backend_s_user(env: dict[str, str], folder: Path) -> None:
    for source in re.findall(r"-v \$PWD/([^:\s]+):", PAGE):
        assert (ROOT / source).exists() or (folder / source).exists(), source
    for script in re.findall(r"--entrypoint /tool/(\S+) mysql", PAGE):
        assert (ROOT / "deploy" / "mysql" / script).stat().st_mode & 0o111 == 0o111
    client, back_up = ((ROOT / "deploy" / "mysql" / name).read_text() for name in ("client.sh", "backup.sh"))
    assert not [name for name in SCRIPTS if f"${{{name}:-" not in client + back_up]
    url = (folder / "deploy" / "secrets" / "database_url").read_text()
    password = (folder / "deploy" / "secrets" / "mysql_backend_password").read_text()
    user, name = (re.findall(rf"{variable}:-(\w+)", client)[0] for variable in ("MYSQL_USER", "MYSQL_DATABASE"))
    assert url == f"mysql://{user}:{password}@mysql/{name}"
    assert composed(env)["services"]["mysql"]["user"] == "999:999"
