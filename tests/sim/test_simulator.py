"""The whole field as a program, on a real broker."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sunsweep.contract.payloads import Status, Telemetry
from tests.machine.broker import Broker, free_port
from tests.machine.observer import Heard, Observer, observing

COUNT = 12
MACHINES = [(f"m-{number}", f"secret-{number}", f"scm-{number}") for number in range(COUNT)]


def command(folder: Path, url: str, *more: str) -> list[str]:
    logins = [
        {"machine_id": serial, "company_id": 1, "mqtt_username": user, "mqtt_password": password}
        for user, password, serial in MACHINES
    ]
    file = folder / "credentials.json"
    file.write_text(json.dumps(logins))
    options = ("--credentials", str(file), "--broker", url, "--speed", "60", "--interval", "1", *more)
    return [sys.executable, "-m", "sunsweep.sim", *options]


@asynccontextmanager
async def started(line: list[str]) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*line, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def field_broker(folder: Path) -> AsyncIterator[Broker]:
    broker = Broker(folder, MACHINES)
    await broker.prepare()
    try:
        yield broker
    finally:
        await broker.stop()


def serials(heard: list[Heard], state: str) -> set[str]:
    return {one.topic.machine_id for one in heard if isinstance(one.body, Status) and one.body.status == state}


async def heard_from(observer: Observer, state: str, count: int) -> None:
    await observer.until(lambda _: len(serials(observer.heard, state)) >= count, within_s=20)


async def test_a_field_comes_alive_obeys_and_says_farewell(tmp_path: Path) -> None:
    async with field_broker(tmp_path) as broker:
        line = command(tmp_path, broker.url)
        async with started(line) as process:
            await broker.start()  # the field was there first, and keeps looking
            async with observing(broker) as observer:
                await heard_from(observer, "Running", COUNT // 2)
                busy = min(serials(observer.heard, "Running"))
                seen = len(observer.heard)
                await broker.publish(f"company/1/machine/{busy}/command", '{"command":"stop_cleaning","params":{}}')
                await observer.until(lambda _: busy in serials(observer.heard[seen:], "Idle"))
                _check_samples(observer)
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(2):
                    assert await process.wait() == 0
                await heard_from(observer, "offline", COUNT)


def _check_samples(observer: Observer) -> None:
    samples = [heard.body for heard in observer.heard if isinstance(heard.body, Telemetry)]
    assert len({heard.topic.machine_id for heard in observer.heard}) == COUNT
    assert all(10 <= (sample.battery or 0) <= 14.6 for sample in samples)
    assert all(14 <= (sample.solar_v or 0) <= 24.5 for sample in samples)
    assert all(0 <= (sample.water or 0) <= 100 for sample in samples)
    assert len({sample.solar_a for sample in samples}) > COUNT / 2


async def test_it_ends_while_the_sky_is_still_being_made(tmp_path: Path) -> None:
    async with started(command(tmp_path, f"mqtt://127.0.0.1:{free_port()}")) as process:
        assert process.stderr is not None
        line = await asyncio.wait_for(process.stderr.readline(), 10)
        assert b"clear day" in line
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(2):
            assert await process.wait() == 0


async def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    line = command(tmp_path, f"mqtt://127.0.0.1:{free_port()}")
    script = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([*sys.argv[1:], '--parent', str(os.getpid())], stderr=subprocess.PIPE)\n"
        "child.stderr.readline()\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, *line, stdin=PIPE, stdout=PIPE)
    assert parent.stdout is not None
    child = int(await asyncio.wait_for(parent.stdout.readline(), 10))
    parent.kill()
    await parent.communicate()
    async with asyncio.timeout(3):
        while _alive(child):
            await asyncio.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def test_bad_credentials_are_one_line_and_exit_code_two(tmp_path: Path) -> None:
    line = command(tmp_path, "mqtt://127.0.0.1:1")
    (tmp_path / "credentials.json").write_text('[{"machine_id":1}]')
    async with started(line) as process:
        _, complaint = await process.communicate()
        assert process.returncode == 2
        assert b"machine_id" in complaint
        assert complaint.count(b"\n") == 1
