#!/usr/bin/env python3
"""What the machine's program costs a Pi: packages, memory and CPU, installed as a Pi gets it.

A clean virtual environment with `sunsweep[machine]` from this tree and the lock's versions; in it the real program
with its outbox on disk, and the least that could do: a bare aiomqtt loop. Both publish to one local broker at the same
interval, the program's messages are receipted as the ingest does it. Exit code 1 where an aim is missed.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import aiomqtt

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.machine_air import PASSWORD, SERIAL, USER, Backend

from tests.machine.broker import BACKEND, Broker

MIB: Final = 2**20
HEAVY: Final = ("fastapi", "starlette", "uvicorn", "sqlalchemy", "pydantic", "flet", "numpy", "pandas", "pvlib")
AIM_RSS_MB: Final = 45.0
AIM_CPU_PCT: Final = 0.5
BARE: Final = "bare aiomqtt loop"
PROGRAM: Final = "the program"
BASELINE: Final = """
import asyncio, json, sys
import aiomqtt

async def main(host, port, user, password, topic, interval_s):
    sample = json.dumps({"battery": 13.5, "solar_v": 21.2, "solar_a": 4.5, "water": 80.0, "extra": {"temp": 32.5}})
    async with aiomqtt.Client(host, int(port), username=user, password=password, identifier=user) as client:
        while True:
            await client.publish(topic, sample, qos=1)
            await asyncio.sleep(float(interval_s))

asyncio.run(main(*sys.argv[1:]))
"""


class Inside(NamedTuple):
    """What was installed, without compiled files."""

    packages: list[str]
    size_mib: float

    def __str__(self) -> str:
        return f"{len(self.packages)} packages, {self.size_mib:.1f} MiB: {', '.join(self.packages)}"


class Cost(NamedTuple):
    """What the kernel says of a process so far."""

    rss_mb: float
    cpu_s: float


class Costs(NamedTuple):
    name: str
    rss_mb: float
    cpu_pct: float

    def __str__(self) -> str:
        return f"| {self.name} | {self.rss_mb:.1f} | {self.cpu_pct:.2f} |"


def clean_environment(folder: Path) -> Path:
    """Its folder of programs. The wheel is built with our own tools, so that nothing but the extra goes in."""
    own, env = Path(sys.prefix) / "bin", folder / "env"
    _call(own / "python", "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    (wheel,) = folder.glob("*.whl")
    _call(own / "uv", "venv", "--quiet", "--python", str(own / "python"), str(env))
    lock = ("--constraint", str(ROOT / "requirements.lock"))
    wanted = f"sunsweep[machine] @ {wheel.as_uri()}"
    _call(own / "uv", "pip", "install", "--quiet", "--link-mode", "copy", "--python", str(env), *lock, wanted)
    return env / "bin"


def _call(program: Path, *arguments: str) -> str:
    return subprocess.run([program, *arguments], check=True, cwd=ROOT, capture_output=True, text=True).stdout


def look_inside(programs: Path) -> Inside:
    """Raises where something heavy can be imported."""
    find = f"import importlib.util as u; print(*[m for m in {HEAVY!r} if u.find_spec(m)])"
    heavy = _call(programs / "python", "-c", find).split()
    assert not heavy, f"the machine extra brings {', '.join(heavy)}"
    (site,) = programs.parent.glob("lib/python3*/site-packages")
    packages = sorted(entry.name.removesuffix(".dist-info") for entry in site.glob("*.dist-info"))
    size_bytes = sum(file.stat().st_size for file in site.rglob("*") if file.suffix != ".pyc" and file.is_file())
    return Inside(packages, size_bytes / MIB)


def config_of(folder: Path, broker: Broker, interval_s: float) -> Path:
    file = folder / "machine.toml"
    file.write_text(
        f'broker = "{broker.url}"\ncompany_id = 1\nmachine_id = "{SERIAL}"\nmqtt_username = "{USER}"\n'
        f'mqtt_password = "{PASSWORD}"\ntelemetry_interval_s = {interval_s}\ntrust_clock = true\n'
        f'state_dir = "{folder / "state"}"\n'
    )
    return file


def cost_of(process: Process) -> Cost:
    """Of all its threads, in the scheduler's nanoseconds: the usual counters tick a hundred times a second."""
    proc = Path("/proc") / str(process.pid)
    lines = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    spent = sum(int((task / "schedstat").read_text().split()[0]) for task in (proc / "task").iterdir())
    return Cost(int(lines["VmRSS"].split()[0]) * 1024 / 1e6, spent / 1e9)


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*command)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[tuple[Broker, Backend]]:
    """A broker with the two machines' logins, and a backend that answers."""
    broker = Broker(folder, [(USER, PASSWORD, SERIAL), (f"{USER}-bare", PASSWORD, "BARE")])
    await broker.prepare()
    await broker.start()
    try:
        async with aiomqtt.Client("127.0.0.1", broker.port, username=BACKEND[0], password=BACKEND[1]) as client:
            await client.subscribe(f"company/1/machine/{SERIAL}/+", qos=1)
            backend = Backend(client)
            answering = asyncio.create_task(backend.run())
            yield broker, backend
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
    finally:
        await broker.stop()


async def measure(folder: Path, programs: Path, *, minutes: float, warm_up_s: float, interval_s: float) -> list[Costs]:
    async with AsyncExitStack() as stack:
        broker, backend = await stack.enter_async_context(site(folder))
        login = ("127.0.0.1", str(broker.port), f"{USER}-bare", PASSWORD)
        topic = "company/1/machine/BARE/telemetry"
        python = str(programs / "python")
        config = str(config_of(folder, broker, interval_s))
        processes = {
            BARE: await stack.enter_async_context(running(python, "-c", BASELINE, *login, topic, str(interval_s))),
            PROGRAM: await stack.enter_async_context(
                running(str(programs / "sunsweep-machine"), "run", "--config", config)
            ),
        }
        await backend.has_answered(2)
        await asyncio.sleep(warm_up_s)
        begun, answered = {name: cost_of(process) for name, process in processes.items()}, backend.answered
        await asyncio.sleep(60 * minutes)
        ended = {name: cost_of(process) for name, process in processes.items()}
        print(f"{backend.answered - answered} messages of the program receipted in {minutes:g} min")
        span_s = 60 * minutes
        return [
            Costs(name, ended[name].rss_mb, 100 * (ended[name].cpu_s - begun[name].cpu_s) / span_s) for name in ended
        ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--warm-up-s", type=float, default=30.0)
    parser.add_argument("--interval-s", type=float, default=30.0)
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = clean_environment(folder)
        print(look_inside(programs))
        work = measure(folder, programs, minutes=wish.minutes, warm_up_s=wish.warm_up_s, interval_s=wish.interval_s)
        costs = asyncio.run(work)
    print("| | resident, MB | CPU, % of a core |", "|---|---|---|", *costs, sep="\n")
    program = next(cost for cost in costs if cost.name == PROGRAM)
    print(f"| aim | {AIM_RSS_MB:.0f} | {AIM_CPU_PCT} |")
    return int(program.rss_mb > AIM_RSS_MB or program.cpu_pct > AIM_CPU_PCT)


if __name__ == "__main__":
    sys.exit(main())
