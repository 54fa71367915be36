"""What keeps `sunsweep up` from starting is one plain line with what to do, exit code 1, and nothing left behind."""

import os
import socket
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.command import Ended, Site, ended_program, sunsweep


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "data")


def in_one_line(ended: Ended) -> str:
    assert ended.code == 1, ended.err
    assert ended.out == ""
    (line,) = ended.err.splitlines()
    assert line.startswith("sunsweep: ")
    return line


def listening(port: int) -> socket.socket:
    taken = socket.create_server(("127.0.0.1", port))
    taken.listen()
    return taken


@pytest.mark.parametrize("option", ["--port", "--mqtt-port"])
async def test_a_busy_port_is_named_with_its_owner_and_what_to_do(site: Site, option: str) -> None:
    port = site.port if option == "--port" else site.mqtt_port
    with listening(port):
        line = in_one_line(await sunsweep(*site.words()))
    assert f"port {port} on 127.0.0.1 is taken by {psutil.Process().name()} (pid {os.getpid()}: " in line
    assert option in line
    assert "--free-ports" in line
    await site.nothing_is_left()


async def test_free_ports_takes_the_next_ones(site: Site) -> None:
    with listening(site.port), listening(site.mqtt_port):
        async with site.up("--free-ports", "--machines", "0") as program:
            assert f"http://127.0.0.1:{site.port}/" not in program.out
            assert f"mqtt://127.0.0.1:{site.mqtt_port}" not in program.out
            assert (await program.told(2)).code == 0
    await site.nothing_is_left()


async def test_an_address_nobody_has_is_said(site: Site) -> None:
    line = in_one_line(await sunsweep(*site.words("--host", "nowhere.invalid")))
    assert f"nobody can listen on nowhere.invalid port {site.port}" in line


async def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = in_one_line(await sunsweep(*Site(tmp_path / "file" / "data").words()))
    assert "choose another folder with --data DIR" in line


async def test_without_mosquitto_it_says_what_to_install(site: Site) -> None:
    nowhere = "import shutil; shutil.which = lambda *_, **__: None; from sunsweep.cli.main import main; main()"
    line = in_one_line(await ended_program(sys.executable, "-c", nowhere, *site.words()))
    assert "apt-get install mosquitto" in line
    await site.nothing_is_left()


async def test_a_damaged_file_is_named_and_left_as_it_is(site: Site) -> None:
    site.data.mkdir()
    damaged = b'{"admin@example.com": "abc'
    for name in ("backend.json", "logins.json"):
        file = site.data / name
        file.write_bytes(damaged)
        assert f"{file} is damaged" in in_one_line(await sunsweep(*site.words("--machines", "1")))
        assert file.read_bytes() == damaged
        file.unlink()
    (site.data / "sunsweep.db").write_bytes(b"no database at all " * 500)
    assert "file is not a database" in in_one_line(await sunsweep(*site.words()))
    await site.nothing_is_left()
