"""What mosquitto is given to read, and who else may."""

from pathlib import Path

import pytest

from sunsweep.mqtt.local_broker.files import write_configuration, write_users
from sunsweep.mqtt.port import Rule
from tests.support.broker import MACHINE_A, MACHINE_B, login


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "broker"
    write_configuration(directory, "127.0.0.1", 1883)
    write_users(directory, [MACHINE_A])
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()} == {
        "mosquitto.conf": 0o600,
        "passwords": 0o600,
        "acl": 0o600,
    }


def test_each_user_has_its_own_rules(tmp_path: Path) -> None:
    write_users(tmp_path, [MACHINE_A, login("both", Rule("read", "a/+"), Rule("write", "b c/#"))])
    assert (tmp_path / "acl").read_text().splitlines() == [
        "user machine-a",
        "topic readwrite company/1/machine/A/#",
        "",
        "user both",
        "topic read a/+",
        "topic write b c/#",
        "",
    ]


def test_of_two_entries_for_one_name_the_last_counts_in_both_files(tmp_path: Path) -> None:
    write_users(tmp_path, [MACHINE_A, MACHINE_B, login("machine-a", Rule("read", "x"), password="new")])
    assert (tmp_path / "passwords").read_text().count("machine-a:") == 1
    assert "topic read x" in (tmp_path / "acl").read_text()
    assert "machine/A" not in (tmp_path / "acl").read_text()


@pytest.mark.parametrize("name", ["", "a:b", "a\nuser root", " a", "a ", "a\0"])
def test_a_name_cannot_add_lines(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"mosquitto|lines"):
        write_users(tmp_path, [login(name)])
    assert not list(tmp_path.iterdir())


def test_a_rule_cannot_add_lines(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lines"):
        write_users(tmp_path, [login("a", Rule("read", "x\ntopic readwrite #"))])
