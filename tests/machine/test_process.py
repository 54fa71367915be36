"""`sunsweep-machine` as people start, stop and kill it."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sunsweep.contract.payloads import Status
from tests.machine.broker import Broker, free_port
from tests.machine.conftest import PASSWORD, SERIAL, USER
from tests.machine.observer import is_sample, observing, says

HEAVY = ("fastapi", "starlette", "sqlalchemy", "pydantic", "flet", "pvlib", "pandas", "numpy", "uvicorn")


def write_config(folder: Path, url: str, *, password: str = PASSWORD) -> Path:
    file = folder / "machine.toml"
    file.write_text(
        f'broker = "{url}"\ncompany_id = 1\nmachine_id = "{SERIAL}"\nmqtt_username = "{USER}"\n'
        f'mqtt_password = "{password}"\ntelemetry_interval_s = 0.5\ntrust_clock = true\n'
    )
    return file


@asynccontextmanager
async def program(config: Path, *, before: tuple[str, ...] = ()) -> AsyncIterator[Process]:
    command = (*before, sys.executable, "-m", "sunsweep.machine.main", "run", "--config", str(config))
    process = await asyncio.create_subprocess_exec(*command, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def log_line(process: Process, words: str) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(10):
        while line := (await process.stderr.readline()).decode():
            if words in line:
                return line
    raise AssertionError(f"it ended without saying {words!r}")


async def test_killed_its_will_says_offline_with_its_session(broker: Broker, tmp_path: Path) -> None:
    async with observing(broker) as observer, program(write_config(tmp_path, broker.url)) as process:
        await observer.until(is_sample)
        session = observer.statuses[0].session
        process.kill()
        will = await observer.until(says("offline"))
        assert isinstance(will.body, Status)
        assert will.body.session == session
        assert will.payload.startswith(b'{"status":"offline","session":[')


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_cleanly_within_two_seconds(
    broker: Broker, tmp_path: Path, number: signal.Signals
) -> None:
    async with observing(broker) as observer, program(write_config(tmp_path, broker.url)) as process:
        await observer.until(is_sample)
        process.send_signal(number)
        async with asyncio.timeout(2):
            assert await process.wait() == 0
        farewell = await observer.until(says("offline"))
        assert farewell.qos == 1


async def test_a_signal_ends_it_also_while_no_broker_answers(tmp_path: Path) -> None:
    async with program(write_config(tmp_path, f"mqtt://127.0.0.1:{free_port()}")) as process:
        await log_line(process, "no connection to")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(2):
            assert await process.wait() == 0


async def test_a_signal_ends_it_also_while_a_broker_says_nothing(tmp_path: Path) -> None:
    met = asyncio.Event()
    silent: list[asyncio.StreamWriter] = []

    def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.append(writer)
        met.set()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with program(write_config(tmp_path, f"mqtt://127.0.0.1:{port}")) as process:
            await asyncio.wait_for(met.wait(), 10)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(2):
                assert await process.wait() == 0
    finally:
        for writer in silent:
            writer.close()
        server.close()
        await server.wait_closed()


async def test_a_wrong_password_is_said_plainly_and_not_tried_again_soon(broker: Broker, tmp_path: Path) -> None:
    async with program(write_config(tmp_path, broker.url, password="wrong")) as process:
        line = await log_line(process, "refuses the user name")
        assert f"'{USER}': wrong user name or password" in line
        assert int(line.rsplit("next try in ", 1)[1].split()[0]) >= 150


async def test_a_bad_file_is_one_line_and_exit_code_two(tmp_path: Path) -> None:
    async with program(write_config(tmp_path, "gopher://x")) as process:
        _, complaint = await process.communicate()
        assert process.returncode == 2
        assert complaint.decode().count("\n") == 1
        assert b"`broker`" in complaint


async def test_the_program_stays_light() -> None:
    check = f"import sys, sunsweep.machine.main; print([m for m in {HEAVY!r} if m in sys.modules])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", check, stdout=PIPE)
    output, _ = await process.communicate()
    assert output.decode().strip() == "[]"


async def test_killed_without_a_backend_what_it_measured_goes_out_at_the_next_start(
    broker: Broker, tmp_path: Path
) -> None:
    config = write_config(tmp_path, broker.url)
    config.write_text(config.read_text() + f'state_dir = "{tmp_path / "state"}"\n')
    async with observing(broker) as observer:
        async with program(config) as process:
            first = await observer.until(is_sample)
            process.kill()
        seen = len(observer.heard)
        async with program(config):
            again = await observer.until(is_sample, after=seen)
            assert (again.body.stamp, again.payload) == (first.body.stamp, first.payload)
            await observer.until(
                lambda heard: is_sample(heard) and heard.body.stamp.boot != first.body.stamp.boot, after=seen
            )


async def test_on_a_card_that_takes_no_more_it_says_so_once_and_works_on(broker: Broker, tmp_path: Path) -> None:
    config = write_config(tmp_path, broker.url)
    text = config.read_text().replace("telemetry_interval_s = 0.5", "telemetry_interval_s = 0.05")
    config.write_text(text + f'state_dir = "{tmp_path / "state"}"\n')
    no_file_beyond_128_kib = ("prlimit", f"--fsize={128 * 1024}")
    async with observing(broker) as observer, program(config, before=no_file_beyond_128_kib) as process:
        complaint = await log_line(process, "cannot be written")
        assert "Messages are kept in memory meanwhile" in complaint
        last = max(heard.body.stamp.seq for heard in observer.heard if is_sample(heard))
        await observer.until(lambda heard: is_sample(heard) and heard.body.stamp.seq > last + 40)
        process.send_signal(signal.SIGTERM)
        _, rest = await process.communicate()
    assert process.returncode == 0
    assert b"cannot be written" not in rest
    assert b"messages could not be written, and end with the program" in rest
    assert b"Traceback" not in rest
