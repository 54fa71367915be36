"""`sunsweep[machine]` as a Pi gets it: in a virtual environment of its own."""

import subprocess
from pathlib import Path

import pytest
from bench.machine_footprint import clean_environment, look_inside

from tests.machine.test_process import write_config


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clean_environment(tmp_path_factory.mktemp("clean"))


def test_it_brings_three_packages_and_none_of_the_servers(programs: Path) -> None:
    inside = look_inside(programs)
    assert [package.rpartition("-")[0] for package in inside.packages] == [
        "aiomqtt",
        "msgspec",
        "paho_mqtt",
        "sunsweep",
    ]
    assert inside.size_mib < 5


def test_the_program_works_with_that_alone(programs: Path, tmp_path: Path) -> None:
    command = (programs / "sunsweep-machine", "run", "--config", write_config(tmp_path, "mqtt://127.0.0.1"))
    ended = subprocess.run([*command, "--dry-run", "--once"], check=False, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0, ended.stderr
    assert '"battery"' in ended.stdout
