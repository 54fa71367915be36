"""Records what the machine program of a version sends, for every later backend to understand:

    python -m tests.upgrades.record tests/upgrades/traffic/0.1.jsonl [--source ANOTHER/src] [--plain]

The first line says what was recorded and which commands were given; each other one is a message, in the order in which
the broker delivered them, with the bytes that were sent.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct, json

from sunsweep.contract.topics import FROM_MACHINE
from sunsweep.mqtt.port import Message
from sunsweep.server.clock import wall_clock
from sunsweep.server.features.machines.service import Login
from tests.support.platform import Platform, eventually, running_platform

SERIAL = "TRAFFIC-1"
WITHIN_S = 60.0


class Given(Struct, frozen=True):
    """A command, and what became of it."""

    id: str
    command: str
    state: str


class Head(Struct, frozen=True):
    """What was recorded, when (ms)."""

    software: str
    recorded_at: int
    commands: list[Given]


class Line(Struct, frozen=True):
    """A message; its payload is UTF-8, as all that the program sends."""

    channel: str
    payload: str
    qos: int


def read(file: Path) -> tuple[Head, list[Line]]:
    first, *others = file.read_bytes().splitlines()
    return json.decode(first, type=Head), [json.decode(line, type=Line) for line in others]


async def record(target: Path, source: Path | None, *, plain: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with running_platform(f"sqlite+aiosqlite:///{folder / 'sunsweep.db'}", folder) as platform:
            head, lines = await _life(platform, folder, source, plain=plain)
    target.write_bytes(b"\n".join(json.encode(line) for line in (head, *lines)) + b"\n")


async def _life(platform: Platform, folder: Path, source: Path | None, *, plain: bool) -> tuple[Head, list[Line]]:
    """It wakes up, works, is stopped, loses its power, wakes up again, and is switched off."""
    login = await platform.add_machine(SERIAL)
    root = f"company/{login.company_id}/machine/{SERIAL}"
    recorder = await platform.add_service_account("recorder", ("subscribe", f"{root}/#"))
    _configure(platform, login, folder, plain=plain)
    lines: list[Line] = []

    def take(messages: list[Message]) -> None:
        for message in messages:
            channel = message.topic.rpartition("/")[2]
            if channel in FROM_MACHINE:
                lines.append(Line(channel, message.payload.decode(), message.qos))

    topics = [f"{root}/{channel}" for channel in FROM_MACHINE]
    async with platform.mqtt("recorder", recorder, *topics, on_messages=take):
        async with _program(folder, source) as program:
            await _until(lines, lambda line: line.channel == "telemetry", at_least=5)
            await _given(platform, "start_cleaning", lines)
            await _until(lines, lambda line: line.channel == "telemetry", at_least=8)
            await _given(platform, "stop_cleaning", lines)
            program.send_signal(signal.SIGKILL)
            await program.wait()
            await _until(lines, _is_will, at_least=1)
        async with _program(folder, source) as program:
            await _until(lines, lambda line: line.channel == "telemetry", at_least=13)
            if not plain:
                await _until(lines, lambda line: '"ended":[[' in line.payload, at_least=1)
            program.send_signal(signal.SIGTERM)
            await program.wait()
            await _until(lines, _is_will, at_least=2)
    items = (await platform.get(f"/machines/{SERIAL}/commands"))["items"]
    software = next(json.decode(line.payload)["software"] for line in lines if '"software"' in line.payload)
    given = [Given(item["id"], item["command"], item["state"]) for item in items]
    return Head(software, wall_clock(), given), lines


def _configure(platform: Platform, login: Login, folder: Path, *, plain: bool) -> None:
    more = "" if plain else f'state_dir = "{folder / "state"}"\ntrust_clock = true\ndriver = "bench"\n'
    (folder / "machine.toml").write_text(
        f'broker = "mqtt://127.0.0.1:{platform.mqtt_port}"\ncompany_id = {login.company_id}\nmachine_id = "{SERIAL}"\n'
        f'mqtt_username = "{login.mqtt_username}"\nmqtt_password = "{login.mqtt_password}"\n'
        f"telemetry_interval_s = 0.5\nheartbeat_interval_s = 2\n{more}"
    )


@asynccontextmanager
async def _program(folder: Path, source: Path | None) -> AsyncIterator[asyncio.subprocess.Process]:
    env = dict(os.environ) | ({} if source is None else {"PYTHONPATH": str(source)})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sunsweep.machine.main", "run", "--config", str(folder / "machine.toml")),
        stdin=asyncio.subprocess.DEVNULL,
        env=env,
        cwd=folder,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _given(platform: Platform, command: str, lines: list[Line]) -> None:
    """A command, and the program's last word of it: a start runs on."""
    answer = await platform.call("POST", f"/machines/{SERIAL}/commands", json={"command": command})
    command_id = answer.raise_for_status().json()["id"]
    last = {"running"} if command == "start_cleaning" else {"succeeded", "failed", "rejected"}

    def is_last(line: Line) -> bool:
        told: dict[str, Any] = json.decode(line.payload)
        return line.channel == "result" and told["id"] == command_id and told["state"] in last

    await _until(lines, is_last, at_least=1)


def _is_will(line: Line) -> bool:
    return line.channel == "status" and json.decode(line.payload).get("status") == "offline"


async def _until(lines: list[Line], what: Callable[[Line], bool], *, at_least: int) -> None:
    async def enough() -> bool:
        return sum(map(what, lines)) >= at_least

    await eventually(enough, within_s=WITHIN_S)


def main() -> None:
    parser = argparse.ArgumentParser(description="record what the machine program sends")
    parser.add_argument("target", type=Path)
    parser.add_argument("--source", type=Path, help="folder with the `sunsweep` package of another version")
    parser.add_argument("--plain", action="store_true", help="only what the first version's file knew")
    words = parser.parse_args()
    asyncio.run(record(words.target, words.source, plain=words.plain))


if __name__ == "__main__":
    main()
