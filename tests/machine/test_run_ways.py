"""`run` once, dry, written down and lived through again, as people start it."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from sunsweep.machine.remote_settings import FILE
from tests.machine.broker import Broker, free_port
from tests.machine.conftest import SERIAL
from tests.machine.observer import is_sample, observing
from tests.machine.test_process import write_config

Ended = tuple[int | None, str, str]


async def run(config: Path, *words: str) -> Ended:
    command = (sys.executable, "-m", "sunsweep.machine.main", "run", "--config", str(config), *words)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, out.decode(), err.decode()


async def test_once_sends_a_sample_and_leaves_when_it_is_receipted(broker: Broker, tmp_path: Path) -> None:
    async with observing(broker) as observer:
        code, _, said = await run(write_config(tmp_path, broker.url), "--once")
        assert code == 0, said
        assert "the backend has it" in said
        await observer.until(is_sample)


async def test_once_without_a_receipt_says_so_with_its_exit_code(broker: Broker, tmp_path: Path) -> None:
    async with observing(broker, receipts=False):
        code, _, said = await run(write_config(tmp_path, broker.url), "--once", "--wait-s", "1")
    assert code == 1
    assert "no receipt within 1 s" in said


async def test_a_dry_run_prints_what_would_be_sent_and_needs_no_network(tmp_path: Path) -> None:
    code, out, _ = await run(write_config(tmp_path, f"mqtt://127.0.0.1:{free_port()}"), "--dry-run", "--once")
    assert code == 0
    lines = [line.split(" ", 1) for line in out.splitlines()]
    assert {topic for topic, _ in lines} == {f"company/1/machine/{SERIAL}/{name}" for name in ("status", "telemetry")}
    status, sample = json.loads(lines[0][1]), json.loads(lines[-1][1])
    assert status["status"] == "Docked"
    assert (status["seq"], sample["seq"]) == (1, len(lines))
    assert sample["battery"] > 12


async def test_a_recorded_run_replayed_shows_the_same_readings_and_ends(tmp_path: Path) -> None:
    config, day = write_config(tmp_path, f"mqtt://127.0.0.1:{free_port()}"), tmp_path / "day.jsonl"
    code, _, _ = await run(config, "--dry-run", "--once", "--record", str(day))
    assert code == 0
    first = json.loads(day.read_text().splitlines()[0])
    later = {**first, "at_s": 60, "reading": {**first["reading"], "battery_v": 11.11}}
    day.write_text(json.dumps(first) + "\n" + json.dumps(later) + "\n")
    code, out, _ = await run(config, "--dry-run", "--replay", str(day), "--speed", "30")
    assert code == 0
    samples = [json.loads(line.split(" ", 1)[1]) for line in out.splitlines() if "/telemetry " in line]
    assert samples[0]["battery"] == first["reading"]["battery_v"]
    assert samples[-1]["battery"] == pytest.approx(11.11)


async def test_a_recording_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    config = write_config(tmp_path, "mqtt://127.0.0.1:1")
    code, _, said = await run(config, "--replay", str(tmp_path / "none"))
    assert code == 2
    assert said.count("\n") == 1
    assert "none: No such file" in said


async def test_a_dry_run_reads_what_was_set_from_afar(tmp_path: Path) -> None:
    config = write_config(tmp_path, f"mqtt://127.0.0.1:{free_port()}")
    config.write_text(f'{config.read_text()}state_dir = "{tmp_path}"\n')
    (tmp_path / FILE).write_text("{")
    code, _, said = await run(config, "--dry-run", "--once")
    assert code == 0
    assert f"{FILE} cannot be read" in said
