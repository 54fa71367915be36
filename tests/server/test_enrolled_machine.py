"""From a code to a machine on the map: the real programs, over the real web server and broker."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.support.platform import Platform, eventually


async def machine(*words: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sunsweep.machine.main", *words, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, out.decode(), err.decode()


async def test_a_machine_enrols_checks_itself_and_is_stored_and_the_code_is_good_once(
    platform: Platform, tmp_path: Path
) -> None:
    await platform.add_machine("BARE-1")
    code = (await platform.call("POST", "/machines/BARE-1/enrolment-code")).json()["code"]
    file = tmp_path / "machine.toml"
    enroll = ("enroll", "--server", platform.url, "--code", code, "--state-dir", str(tmp_path))
    ended = await machine(*enroll, "--config", str(file))
    assert ended[0] == 0, ended[2]

    ended = await machine("check", "--config", str(file), "--server", platform.url)
    assert ended[0] == 0, ended[1]
    assert "FAIL" not in ended[1]
    for words in (
        "the broker knows m-",
        "other machines' topics are closed to it",
        "lets through mqtt",
        "off the server's",
    ):
        assert words in ended[1]

    ended = await machine("run", "--config", str(file), "--once")
    assert ended[0] == 0, ended[2]
    assert await eventually(lambda: platform.telemetry("BARE-1"))

    again = await machine(*enroll, "--config", str(tmp_path / "second.toml"))
    assert (again[0], again[1]) == (1, "")
    assert "does not take this code" in again[2]
    assert not (tmp_path / "second.toml").exists()
