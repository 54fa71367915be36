#!/usr/bin/env python3
"""Two companies on one platform; one of them sends what is no JSON as fast as the broker takes it.

A probe machine of company 2 publishes 50 samples a second at QoS 1 and a viewer watches it: without the flood, while it
lasts, and without it again, in the same run. Ten machines of company 1 are the flood, each with its own login. Figures:
publish to a bare MQTT subscriber and to WebSocket frame, and how old the newest stored sample of the probe is when
looked at. A phase ends when all of it is stored. Exit code 1 where nothing was refused in a flood, or not all that the
probe sent was shown and stored, or the platform was not ready.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.latency import EVERY_S, SETTLE_S, Probe, process
from sqlalchemy import func, select

from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.server.db.models import DeadLetter, DeadLetterDay, TelemetryRow
from sunsweep.server.features.accounts.roles import Role
from tests.support import flood
from tests.support.mariadb import running_mariadb
from tests.support.platform import Platform, eventually, new_platform
from tests.support.processes import ingest_process, serve_process

FLOODERS = 10
PROBE = "PROBE-1"
VIEWER = "viewer@beta.example"
LOOK_S = 0.2


async def look(platform: Platform, ages: list[float]) -> None:
    """How old the newest stored sample is, again and again."""
    newest = select(TelemetryRow.extra).order_by(TelemetryRow.ts.desc(), TelemetryRow.seq.desc()).limit(1)
    while True:
        await asyncio.sleep(LOOK_S)
        async with platform.database.read() as session:
            extra = await session.scalar(newest.where(TelemetryRow.ts > 0))
        if extra is not None:
            ages.append(time.time() * 1e3 - json.loads(extra)["sent"])


async def measure(platform: Platform, login: tuple[str, str], seconds: float, first: int) -> tuple[Probe, list[float]]:
    probe, ages = Probe(), list[float]()
    topic = str(MachineTopic(2, PROBE, Channel.TELEMETRY))
    async with (
        platform.mqtt(*login, topic, on_messages=probe.take),
        platform.mqtt(*login) as sender,
        platform.watch(PROBE, as_=VIEWER) as socket,
    ):
        watching = asyncio.create_task(probe.watch(socket))
        await asyncio.sleep(SETTLE_S)
        looking = asyncio.create_task(look(platform, ages))
        ends = time.perf_counter() + seconds
        n = first
        while time.perf_counter() < ends:
            n += 1
            probe.sent[n] = time.perf_counter()
            sent_ms = time.time_ns() // 1_000_000
            await sender.publish(topic, b'{"battery":13.5,"extra":{"n":%d,"sent":%d}}' % (n, sent_ms), qos=1)
            await asyncio.sleep(EVERY_S)
        looking.cancel()
        await asyncio.sleep(SETTLE_S)
        watching.cancel()
        await asyncio.gather(looking, watching, return_exceptions=True)
    return probe, ages[3:]


def show(what: str, probe: Probe, ages: list[float], refused: int) -> None:
    bare, shown, _ = probe.figures()
    columns = []
    for values in (bare, shown, ages):
        cuts = statistics.quantiles(values, n=100)
        columns.append(f"{cuts[49]:>9.2f}{cuts[98]:>9.2f}")
    print(f"{what:>8}{''.join(columns)}{len(probe.shown):>8,} of {len(probe.sent):<6,}{refused:>10,}", flush=True)


async def refused(platform: Platform) -> int:
    async with platform.database.read() as session:
        return int(await session.scalar(select(func.sum(DeadLetterDay.refused))) or 0)


async def main(options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running_mariadb(folder / "mariadb", syncs=True))
        platform = await new_platform(server.create_database(), folder)
        stack.push_async_callback(platform.stop)
        await platform.add_user(VIEWER, Role.VIEWER, company_id=2)
        await platform.start_broker()
        login = await platform.add_machine(PROBE, 2)
        flooders = [await platform.add_machine(f"FLOOD-{n}") for n in range(FLOODERS)]
        await stack.enter_async_context(serve_process(platform.settings, "api,live,dispatch,jobs"))
        await stack.enter_async_context(ingest_process(platform.settings))
        await eventually(platform.ready, within_s=120)
        print(f"{'':>8}{'bare MQTT, ms':>18}{'WebSocket, ms':>18}{'newest row, ms':>18}")
        print(f"{'':>8}{('p50'.rjust(9) + 'p99'.rjust(9)) * 3}{'frames':>8}{'refused':>20}")
        holds, sent = True, 0
        who = [flood.argument(one) for one in flooders]
        for number, qos in enumerate((None, *options.qos, None)):
            before = await refused(platform)
            async with AsyncExitStack() as phase:
                if qos is not None:
                    arguments = (flood.__file__, str(platform.mqtt_port), str(qos), *who)
                    await phase.enter_async_context(process(*arguments, env={}))
                mine = (login.mqtt_username, login.mqtt_password)
                probe, ages = await measure(platform, mine, options.seconds, number * 1_000_000)
                during = await refused(platform) - before
                async with platform.web() as web:
                    ready = (await web.get("/readyz")).json()["status"]
            show("quiet" if qos is None else f"QoS {qos}", probe, ages, during)
            await eventually(lambda: _is_drained(platform), within_s=120)
            sent += len(probe.sent)
            holds &= ready == "ok" and len(probe.shown) == len(probe.sent) and (qos is None) == (during == 0)
        async with platform.database.read() as session:
            stored = await session.scalar(select(func.count()).select_from(TelemetryRow))
            listed = await session.scalar(select(func.count()).select_from(DeadLetter))
        print(f"of the probe's {sent:,} samples {stored:,} are stored; {listed:,} dead letters are listed")
        return 0 if holds and stored == sent else 1


async def _is_drained(platform: Platform) -> bool:
    before = await refused(platform)
    await asyncio.sleep(1)
    return before == await refused(platform)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--qos", type=int, nargs="+", default=[0, 1])
    sys.exit(uvloop.run(main(parser.parse_args())))
