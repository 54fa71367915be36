"""deploy/compose.yaml: what is open to whom, what starts after what, and where the secrets go."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from typer.main import get_command

from deploy.env import MOUNTED, OPTIONAL, SHORTEST
from sunsweep.cli.verbs import cli
from sunsweep.server.settings import BackendSettings, PrepareSettings, ServeSettings
from tests.support.compose import FILE, ROOT, MissingError, Variables, composed, written

SCHEMA: Final = json.loads((ROOT / "tests/deploy/schemas/compose-spec.json").read_text())
WORLD: Final = {80, 443, 8883}
PRIVATE: Final = {1883, 8083, 18083, 3000}
PROGRAMS: Final = ("api", "ingest", "prepare", "certs")
SETTINGS: Final[dict[str, type[BackendSettings]]] = {
    "api": ServeSettings,
    "ingest": BackendSettings,
    "prepare": PrepareSettings,
}


@pytest.fixture
def whole(env: dict[str, str]) -> Any:
    return composed(env)


@pytest.fixture
def services(whole: Any) -> dict[str, Any]:
    found: dict[str, Any] = whole["services"]
    return found


def published(told: Mapping[str, str]) -> dict[str, set[int]]:
    """Ports of the host, by the address that they are published on."""
    found: dict[str, set[int]] = {}
    for service in composed(told)["services"].values():
        for port in service.get("ports", []):
            assert int(port["published"]) == port["target"]
            found.setdefault(port.get("host_ip", "everywhere"), set()).add(port["target"])
    return found


def lists(service: Mapping[str, Any], key: str) -> list[str]:
    found: list[str] = service.get(key, [])
    return found


def test_it_is_what_compose_calls_valid(whole: Any) -> None:
    validator = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
    for tree in (written(), whole):
        assert [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(tree)] == []


def test_the_schema_would_tell() -> None:
    tree = written()
    tree["services"]["api"]["no_such_key"] = 1
    assert not jsonschema.validators.validator_for(SCHEMA)(SCHEMA).is_valid(tree)


def test_every_variable_is_one_of_the_env_file_and_each_of_those_is_used(env: dict[str, str]) -> None:
    variables = Variables(env)
    variables.put_into(written())
    read_by_compose = {"COMPOSE_FILE", "COMPOSE_PROFILES"}
    assert variables.asked <= set(env)
    assert set(env) - variables.asked == read_by_compose | set(SHORTEST)
    assert (ROOT / env["COMPOSE_FILE"]) == FILE


def test_without_an_env_file_it_says_what_to_do() -> None:
    with pytest.raises(MissingError, match="make env writes it"):
        composed({})


def test_the_world_sees_three_ports_and_no_more(env: dict[str, str]) -> None:
    assert published(env) == {"everywhere": WORLD, "127.0.0.1": PRIVATE | {8084}}
    assert published({**env, "MQTT_PRIVATE_ADDRESS": "", "MQTT_WSS_ADDRESS": ""}) == published(env)


def test_a_fourth_where_it_is_chosen(env: dict[str, str]) -> None:
    chosen = published({**env, "MQTT_WSS_ADDRESS": "0.0.0.0"})
    assert chosen == {"everywhere": WORLD, "0.0.0.0": {8084}, "127.0.0.1": PRIVATE}


def test_the_private_ports_move_to_the_private_address(env: dict[str, str]) -> None:
    assert published({**env, "MQTT_PRIVATE_ADDRESS": "10.0.0.7"})["10.0.0.7"] == PRIVATE


def test_the_broker_is_the_customer_s(services: dict[str, Any]) -> None:
    broker = services["solar_emqx"]
    assert (broker["image"], broker["container_name"]) == ("emqx/emqx:5.3.0", "solar_emqx")
    assert {port["target"] for port in broker["ports"]} == {1883, 8083, 8084, 8883, 18083}
    assert broker["environment"]["EMQX_NODE__NAME"] == "emqx@127.0.0.1"
    assert services["mysql"]["image"] == "mysql:8.4"


def test_every_image_has_a_tag_that_says_which(services: dict[str, Any], env: dict[str, str]) -> None:
    for name, service in services.items():
        _, _, tag = service["image"].rpartition(":")
        assert re.match(r"v?\d+\.\d+", tag), name
    ours = {name for name, service in services.items() if service["image"].startswith("sunsweep/")}
    assert ours == {"certs", "prepare", "api", "ingest"}
    assert {services[name]["image"] for name in ours} == {f"sunsweep/backend:{env['SUNSWEEP_VERSION']}"}
    assert {services[name]["pull_policy"] for name in ours} == {"never"}


def test_the_image_is_built_once_for_all_who_run_it(services: dict[str, Any], env: dict[str, str]) -> None:
    builds = {name: service["build"] for name, service in services.items() if "build" in service}
    assert {name: build["args"] for name, build in builds.items()} == {"prepare": {"VERSION": env["SUNSWEEP_VERSION"]}}


def test_whatever_runs_on_is_watched_bounded_and_comes_back(services: dict[str, Any]) -> None:
    for name, service in services.items():
        once = name == "prepare"
        assert service["restart"] == ("no" if once else "unless-stopped"), name
        assert ("healthcheck" in service) is not once, name
        assert service["deploy"]["resources"]["limits"]["memory"], name
        assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}, name


def test_nobody_writes_to_his_own_program_or_gains_rights(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert "network_mode" not in service, name
        assert not [volume for volume in lists(service, "volumes") if "docker.sock" in volume], name


def test_only_the_proxy_is_root_and_it_may_bind_ports_alone(services: dict[str, Any]) -> None:
    root = {name for name, service in services.items() if service.get("user", "0").split(":")[0] == "0"}
    assert root == {"caddy"}
    assert {name: service["cap_add"] for name, service in services.items() if "cap_add" in service} == {
        "caddy": ["NET_BIND_SERVICE"]
    }


def test_what_starts_waits_for_what_it_needs(services: dict[str, Any]) -> None:
    wants: dict[str, dict[str, str]] = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    healthy, done = "service_healthy", "service_completed_successfully"
    assert wants == {
        "mysql": {},
        "certs": {},
        "prepare": {"mysql": healthy},
        "solar_emqx": {"prepare": done, "mysql": healthy, "certs": healthy},
        "api": {"prepare": done, "mysql": healthy, "solar_emqx": healthy},
        "ingest": {"prepare": done, "mysql": healthy, "solar_emqx": healthy},
        "caddy": {"api": healthy},
        "prometheus": {},
        "grafana": {"prometheus": healthy},
        "node": {},
    }


def test_monitoring_is_a_profile_that_nothing_else_waits_for(services: dict[str, Any]) -> None:
    profiled = {name for name, service in services.items() if service.get("profiles")}
    assert profiled == {"prometheus", "grafana", "node"}
    assert {profile for name in profiled for profile in services[name]["profiles"]} == {"monitoring"}


def test_the_ingest_can_be_many(services: dict[str, Any]) -> None:
    assert not {"container_name", "ports", "hostname"} & services["ingest"].keys()


def test_as_many_ingests_run_as_there_are_members_whoever_says_up(env: dict[str, str]) -> None:
    ingest = composed({**env, "INGEST_MEMBERS": "3"})["services"]["ingest"]
    assert ingest["deploy"]["replicas"] == "3"
    assert "--members=3" in ingest["command"]


def test_database_and_broker_are_in_a_network_of_their_own(whole: Any, env: dict[str, str]) -> None:
    members: dict[str, set[str]] = {network: set() for network in whole["networks"]}
    for name, service in whole["services"].items():
        for network in lists(service, "networks"):
            members[network].add(name)
    assert whole["networks"]["inside"] == {"internal": True}
    assert [name for name, service in whole["services"].items() if service.get("networks") == ["inside"]] == [
        "mysql", "certs", "prepare", "ingest", "prometheus", "node",
    ]  # fmt: skip
    assert members["web"] == {"caddy", "api"}
    assert members["outside"] == {"solar_emqx", "grafana"}


def test_the_api_believes_its_proxy_and_nobody_else(whole: Any) -> None:
    (place,) = whole["networks"]["web"]["ipam"]["config"]
    assert whole["services"]["api"]["environment"]["SUNSWEEP_TRUSTED_PROXIES"] == place["subnet"]


def test_secrets_are_files_that_make_env_lays(whole: Any, env: dict[str, str], folder: Path) -> None:
    declared = {name: how["file"] for name, how in whole["secrets"].items()}
    assert declared == {name: f"./secrets/{name}" for name in declared}
    laid = {file.name for file in (folder / "deploy" / "secrets").iterdir()}
    used = {name for service in whole["services"].values() for name in lists(service, "secrets")}
    assert used == set(declared)
    # The backend's own is in the two addresses.
    assert laid - set(declared) == {"mysql_backend_password"}
    assert set(declared) <= laid


def test_each_service_is_told_where_each_of_its_secrets_lies(env: dict[str, str]) -> None:
    for name, service in composed({**env, "SMTP_URL": "smtp://mail.example.org"})["services"].items():
        named = {
            value.removeprefix("/run/secrets/")
            for key, value in service.get("environment", {}).items()
            if key.endswith("_FILE") and value.startswith("/run/secrets/")
        }
        assert named == set(lists(service, "secrets")), name


def test_no_secret_stands_in_the_file_or_comes_into_it(env: dict[str, str]) -> None:
    given = {**env, "SMTP_URL": "smtp://me:a-password-of-mine@mail.example.org"}
    text = json.dumps(composed(given))
    assert not [name for name in (*SHORTEST, *OPTIONAL) if given[name] in text]
    assert not re.search(r"(?i)(password|secret|cookie|secret_key)\"?: \"(?!/run/secrets/|\./secrets/)[^\"]+\"", text)


def test_grafana_encrypts_with_no_key_that_everybody_knows(services: dict[str, Any]) -> None:
    assert services["grafana"]["environment"]["GF_SECURITY_SECRET_KEY__FILE"] == "/run/secrets/grafana_secret_key"


def test_what_is_mounted_is_there(whole: Any) -> None:
    named = set()
    for name, service in whole["services"].items():
        for volume in lists(service, "volumes"):
            source, target, *mode = volume.split(":")
            assert target.startswith("/"), name
            if source.startswith("."):
                assert (FILE.parent / source).exists(), volume
                assert mode == ["ro"], volume
                assert source.split("/")[1] in MOUNTED, volume
            elif not source.startswith("/"):
                named.add(source)
    assert named == set(whole["volumes"])
    assert (FILE.parent / "emqx/start.sh").stat().st_mode & 0o111 == 0o111


def test_the_broker_alone_reads_its_key(services: dict[str, Any]) -> None:
    holders = {
        name: volume
        for name, service in services.items()
        for volume in lists(service, "volumes")
        if volume.startswith("certs:")
    }
    assert holders == {
        "certs": "certs:/certs",
        "solar_emqx": "certs:/opt/emqx/etc/sunsweep:ro",
        "api": "certs:/certs:ro",
    }
    assert services["certs"]["user"] == services["solar_emqx"]["user"] == "1000:1000"
    assert [
        name
        for name, service in services.items()
        if "authority:/var/lib/sunsweep-authority" in lists(service, "volumes")
    ] == ["certs"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_command_is_one_of_the_program(services: dict[str, Any], name: str) -> None:
    group: Any = get_command(cli)
    verb, *words = services[name]["command"]
    assert services[name]["entrypoint"] == ["sunsweep"]
    # Raises for an option that it does not know.
    group.commands[verb].make_context(verb, words)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_one_of_the_program(services: dict[str, Any], name: str) -> None:
    fields = {f"SUNSWEEP_{field.upper()}" for field in SETTINGS[name].model_fields}
    given = {
        key.removesuffix("_FILE") if value.startswith("/run/secrets/") else key
        for key, value in services[name]["environment"].items()
    }
    unknown = given - fields
    assert unknown <= {"SUNSWEEP_SMTP_URL_FILE"}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_program_takes_what_it_is_told(
    env: dict[str, str], folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = told(SETTINGS[name], env, folder, name, monkeypatch)
    assert settings.database_url == f"mysql://sunsweep:{env['MYSQL_BACKEND_PASSWORD']}@mysql/sunsweep"
    assert settings.mqtt_url == "mqtt://solar_emqx:1883"
    assert settings.mqtt_password.get_secret_value() == env["MQTT_BACKEND_PASSWORD"]


def test_the_api_is_told_what_people_and_machines_call(
    env: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_mail = {**env, "SMTP_URL": "smtp://mail.example.org"}
    (folder / "deploy" / "secrets" / "smtp_url").chmod(0o644)
    (folder / "deploy" / "secrets" / "smtp_url").write_text(with_mail["SMTP_URL"])
    settings = told(ServeSettings, with_mail, folder, "api", monkeypatch)
    assert isinstance(settings, ServeSettings)
    assert settings.public_url == "https://sun.example.org"
    assert settings.public_mqtt_urls == ("mqtts://sun.example.org:8883",)
    assert settings.cookie_secure
    assert settings.secret_key.get_secret_value() == env["WEB_SECRET_KEY"]
    assert settings.emqx_secret.get_secret_value() == env["EMQX_API_SECRET"]
    assert settings.smtp_url is not None
    assert settings.smtp_url.get_secret_value() == "smtp://mail.example.org"


def test_without_mail_none_is_told(env: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = told(ServeSettings, env, folder, "api", monkeypatch)
    assert isinstance(settings, ServeSettings)
    assert settings.smtp_url is None


def told(
    kind: type[BackendSettings], env: dict[str, str], folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> BackendSettings:
    """The settings of a service, with its secrets where this computer has them."""
    (elsewhere := folder / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    for key, value in composed(env)["services"][name]["environment"].items():
        monkeypatch.setenv(key, value.replace("/run/secrets", str(folder / "deploy" / "secrets")))
    return kind()


def test_the_broker_starts_with_what_it_is_told(env: dict[str, str], folder: Path, services: dict[str, Any]) -> None:
    given = {
        key: value.replace("/run/secrets", str(folder / "deploy" / "secrets"))
        for key, value in services["solar_emqx"]["environment"].items()
    }
    say = "import json, os, sys; json.dump(dict(os.environ), sys.stdout)"
    done = subprocess.run(
        [FILE.parent / "emqx/start.sh", "/usr/bin/env", "python3", "-c", say],
        env={"PATH": "/usr/bin:/bin", "MQTT_API_KEYS_FILE": str(folder / "keys"), **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert got["EMQX_DASHBOARD__DEFAULT_PASSWORD"] == f'"{env["MQTT_PASSWORD"]}"'
    assert got["EMQX_NODE__COOKIE"] == env["MQTT_COOKIE"]
    assert got["EMQX_AUTHENTICATION__1__SERVER"] == '"mysql:3306"'
    assert got["EMQX_LISTENERS__TCP__DEFAULT__BIND"] == '"0.0.0.0:1883"'
    assert (folder / "keys").read_text() == f"sunsweep-backend:{env['EMQX_API_SECRET']}\n"
    assert services["api"]["environment"]["SUNSWEEP_EMQX_KEY"] == "sunsweep-backend"


def test_the_database_loses_nothing_that_was_acknowledged() -> None:
    lines = (FILE.parent / "mysql/sunsweep.cnf").read_text().splitlines()
    said = dict(line.split(" = ") for line in lines if " = " in line)
    assert (said["innodb_flush_log_at_trx_commit"], said["sync_binlog"]) == ("1", "1")
    assert "STRICT_ALL_TABLES" in said["sql_mode"]
    assert (said["character_set_server"], said["default_time_zone"]) == ("utf8mb4", "+00:00")
