"""`sunsweep-machine enroll`: the file, and plain words for each failure."""

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from sunsweep.machine.config import load_config
from sunsweep.machine.main import main
from tests.machine.broker import free_port
from tests.machine.web import answering, self_signed
from tests.support.http_proxy import http_proxy

TOLD = {
    "company_id": 3,
    "machine_id": "SCM-1",
    "mqtt_username": "m-abc",
    "mqtt_password": 'se"cr\\et',
    "topics": "company/3/machine/SCM-1/#",
    "brokers": ["mqtts://broker.example", "wss://broker.example:443/mqtt"],
    "ca": None,
    "of_tomorrow": 1,
}
NOT_FOUND = json.dumps({"detail": "this code is wrong"}).encode()


@pytest.fixture(autouse=True)
def outside_of_any_loop(blocking_calls: BlockBuster) -> None:
    blocking_calls.deactivate()


def enroll(port: int, file: Path, *more: str, scheme: str = "http") -> int:
    return main(["enroll", "--server", f"{scheme}://127.0.0.1:{port}", "--code", "C", "--config", str(file), *more])


def told(**changes: Any) -> bytes:
    return json.dumps(TOLD | changes).encode()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_loads_is_the_owners_alone_and_nothing_else_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "machine.toml"
    with answering(200, told()) as site:
        assert enroll(site.port, file, "--state-dir", str(tmp_path)) == 0
    assert site.asked == [("/api/v1/enrol", b'{"code": "C"}')]
    config = load_config(file)
    assert (config.company_id, config.machine_id, config.mqtt_username) == (3, "SCM-1", "m-abc")
    assert (config.mqtt_password, config.broker) == ('se"cr\\et', TOLD["brokers"])
    assert config.state_dir == str(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert left(tmp_path) == ["machine.toml"]
    assert f"Next: sunsweep-machine check --config {file}" in capsys.readouterr().out


async def test_it_goes_through_the_sites_proxy_and_the_program_will(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "machine.toml"
    monkeypatch.setenv("no_proxy", "")
    async with http_proxy("site:secret") as proxy:
        way = f"http://site:secret@127.0.0.1:{proxy.port}"
        monkeypatch.setenv("http_proxy", way)
        with answering(200, told()) as site:
            assert await asyncio.to_thread(enroll, site.port, file) == 0
            assert (proxy.asked, len(site.asked)) == ([f"127.0.0.1:{site.port}"], 1)
    assert load_config(file).http_proxy == way


def test_what_is_not_yet_sent_outlives_the_program_unless_told_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "machine.toml"
    with answering(200, told()) as site:
        assert enroll(site.port, file) == 0
    folder = tmp_path / "machine-state"
    assert load_config(file).state_dir == str(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_state_folder_that_cannot_be_made_spends_no_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "machine-state").write_text("in the way")
    with answering(200, told()) as site:
        assert enroll(site.port, tmp_path / "machine.toml") == 1
        assert site.asked == []
    assert "machine-state: File exists" in capsys.readouterr().err
    assert left(tmp_path) == ["machine-state"]


def test_the_ca_lies_beside_it(tmp_path: Path) -> None:
    made = self_signed(tmp_path)
    file = tmp_path / "etc" / "machine.toml"
    file.parent.mkdir()
    with answering(200, told(ca=made.cert.read_text())) as site:
        assert enroll(site.port, file) == 0
    ca_file = load_config(file).ca_file
    assert ca_file == str(file.with_name("machine-ca.pem"))
    assert Path(ca_file).read_text() == made.cert.read_text()
    assert left(file.parent) == ["machine-ca.pem", "machine-state", "machine.toml"]


def test_a_file_that_is_there_is_not_touched_and_no_code_is_spent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "machine.toml"
    file.write_text("mine")
    with answering(200, told()) as site:
        assert enroll(site.port, file) == 1
        assert site.asked == []
        assert file.read_text() == "mine"
        assert "--force replaces it" in capsys.readouterr().err
        assert enroll(site.port, file, "--force") == 0
    assert load_config(file).machine_id == "SCM-1"
    assert (tmp_path / "machine.toml.old").read_text() == "mine"


def test_a_folder_that_cannot_be_written_spends_no_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(200, told()) as site:
        assert enroll(site.port, tmp_path / "none" / "machine.toml") == 1
        assert site.asked == []
    assert "No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, NOT_FOUND, "does not take this code: it is wrong, used or expired"),
        (404, b"<html>", "there is no Sunsweep server at"),
        (429, b"{}", "asked too often; wait a minute"),
        (302, b"", "sends this program elsewhere"),
        (503, b'{"detail":"the database takes nothing now"}', "says: the database takes nothing now"),
        (200, b"<html>", "does not answer as a Sunsweep server does"),
        (200, b'{"company_id":1}', "does not answer as a Sunsweep server does"),
        (200, told(brokers=["gopher://x"]), "The code is spent"),
    ],
)
def test_what_went_wrong_is_said_in_a_line_and_no_file_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int, body: bytes, words: str
) -> None:
    with answering(status, body) as site:
        assert enroll(site.port, tmp_path / "machine.toml") == 1
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert left(tmp_path) == []


def test_nobody_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enroll(free_port(), tmp_path / "machine.toml") == 1
    assert "cannot be reached: Connection refused. The code is not spent" in capsys.readouterr().err


@pytest.mark.parametrize("server", ["127.0.0.1", "ftp://x", "https://", "http://h:99999"])
def test_what_is_no_address_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], server: str) -> None:
    assert main(["enroll", "--server", server, "--code", "C", "--config", str(tmp_path / "m.toml")]) == 1
    assert server in capsys.readouterr().err


def test_http_goes_no_further_than_the_local_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["enroll", "--server", "http://1.1.1.1:9", "--code", "C", "--config", str(tmp_path / "m.toml")]
    assert main(words) == 1
    assert "in the clear over the Internet" in capsys.readouterr().err


def test_https_needs_a_certificate_that_is_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made, file = self_signed(tmp_path), tmp_path / "machine.toml"
    with answering(200, told(), tls=made.context) as site:
        assert enroll(site.port, file, scheme="https") == 1
        assert "certificate is not trusted" in capsys.readouterr().err
        assert enroll(site.port, file, "--ca", str(made.cert), scheme="https") == 0
    assert load_config(file).machine_id == "SCM-1"
