"""A day in the field written down, and lived through again."""

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from sunsweep.machine.ports import Hardware, HardwareError
from sunsweep.machine.recording import BadRecordingError, load_recording, recording, replaying
from tests.machine.fakes import GOOD, FakeBody, FakeClock


async def test_what_was_read_and_what_failed_comes_again_at_its_time(tmp_path: Path) -> None:
    file, clock, body = tmp_path / "day.jsonl", FakeClock(), FakeBody()
    with file.open("w") as out:
        hardware = recording(Hardware(body, body), out, clock)
        await hardware.sensors.read()
        clock.advance(10)
        body.see(battery_v=12.9)
        await hardware.sensors.read()
        clock.advance(10)
        body.broken_sensors = True
        with pytest.raises(HardwareError):
            await hardware.sensors.read()
        assert len(file.read_text().splitlines()) == 3
    again, left_s = replaying(await asyncio.to_thread(load_recording, file), clock, speed=10)
    assert await again.sensors.read() == GOOD
    assert left_s() == 2
    clock.advance(0.9)
    assert await again.sensors.read() == GOOD
    clock.advance(0.1)
    assert await again.sensors.read() == replace(GOOD, battery_v=12.9)
    clock.advance(1)
    with pytest.raises(HardwareError, match="no answer on the bus"):
        await again.sensors.read()
    assert left_s() == 0


def test_a_last_line_cut_off_by_a_power_cut_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_text(json.dumps({"at_s": 0, "error": "x"}) + '\n{"at_s": 1, "rea')
    assert len(load_recording(file)) == 1


@pytest.mark.parametrize("text", ["", "nonsense\n{}\n", '{"at_s": "soon"}\n', '{"reading": {}}\n'])
def test_what_is_no_recording_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "day.jsonl"
    file.write_text(text)
    with pytest.raises(BadRecordingError, match=r"line 1|no readings"):
        load_recording(file)
