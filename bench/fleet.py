"""Ten thousand machines on one computer, each with its own login, and the whole backend beside them.

They are the machine program's outbox, window and messages over raw packets (`fleet_machine.py`): telemetry every
`--interval` seconds, a heartbeat every `--heartbeat`, numbered, receipted, sent again. Backend, broker, database and
machines are processes of their own. Some minutes of this, with a viewer of the whole company and one of a single
machine; a machine that is added meanwhile, and a second viewer that comes; then the broker is stopped and started as
the product does it, and after that killed, and all of them come back. Exit code 1 where a number is missing, refused,
or stored twice, where somebody who is here is not shown, or a viewer has missed a sample while nothing was restarted.
Not executable, as `make bench` would run it: with its defaults it takes a quarter of an hour and both cores.
"""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field as of
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.fleet_field import FleetOrder
from bench.fleet_house import COMPANY, MIB, Field, House, Spent, field_of, house, now_ms
from bench.fleet_verdict import complaints
from bench.fleet_viewers import VIEWER, Viewer, watching

from sunsweep.server.clock import wall_clock
from sunsweep.server.features.machines.service import Login
from sunsweep.server.jobs.close import Closing
from tests.support.platform import eventually

PROGRESS_S: Final = 10.0
SETTLE_S: Final = 5.0
BACK_WITHIN_S: Final = 900.0
EMPTY_WITHIN_S: Final = 240.0
PAGE: Final = 1000
ADMIN: Final = "admin@example.com"
HOUR_MS: Final = 3_600_000


@dataclass
class Run:
    """What is there to ask, and what was found wrong."""

    house: House
    machines: int
    field: Field
    fleet: Viewer
    single: Viewer
    wrong: list[str] = of(default_factory=list)

    def check(self, holds: bool, words: str) -> None:  # noqa: FBT001  it reads as a sentence
        if not holds:
            self.wrong.append(words)
            print(f"WRONG: {words}", flush=True)

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """A line every ten seconds meanwhile."""
        task = asyncio.create_task(self._tell_for_ever(), name="progress")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _tell_for_ever(self) -> None:
        published, received, at_s = self.field.said.published, 0.0, time.monotonic()
        while True:
            await asyncio.sleep(PROGRESS_S)
            said, now_s = self.field.said, time.monotonic()
            try:
                taken = await self.house.counted("sunsweep_ingest_received_total")
                waiting = await self.house.counted("sunsweep_ingest_inbox_messages")
            except OSError:
                taken, waiting = received, -1
            passed_s = now_s - at_s
            print(
                f"  {said.ready:>6,} here {(said.published - published) / passed_s:>7,.0f} sent/s "
                f"{(taken - received) / passed_s if received else 0:>7,.0f} taken/s {waiting:>6,.0f} in the inbox "
                f"{said.pending:>6,} in outboxes {said.failures:>6,} failed tries",
                flush=True,
            )
            published, received, at_s = said.published, taken, now_s


async def come(run: Run, connect_s: float) -> None:
    began_ms = now_ms()
    last_ms = await run.field.all_ready(run.machines, within_s=connect_s + BACK_WITHIN_S)
    print(f"all {run.machines:,} are here after {(last_ms - began_ms) / 1e3:.1f} s (paced over {connect_s:.0f} s)")
    await shown(run, began_ms)


async def shown(run: Run, since_ms: int) -> None:
    """Until the fleet's viewer and REST show every machine online with a sample from after `since_ms`."""

    async def live() -> bool:
        return run.fleet.right(run.machines, since_ms=since_ms)

    try:
        await eventually(live, within_s=BACK_WITHIN_S)
    except AssertionError:
        online = sum(word == "online" for word in run.fleet.presence.values())
        fresh = sum(at >= since_ms for at in run.fleet.newest_ms.values())
        run.check(False, f"the fleet's viewer shows {online:,} online and {fresh:,} with a new sample")
    live_s = (now_ms() - since_ms) / 1e3

    async def rest() -> bool:
        return (await listed(run, since_ms=since_ms))[0] == run.machines

    try:
        await eventually(rest, within_s=BACK_WITHIN_S)
    except AssertionError:
        online = (await listed(run, since_ms=since_ms))[0]
        run.check(False, f"REST shows {online:,} online with a new sample")
    began_s = time.perf_counter()
    await listed(run, since_ms=since_ms)
    took_s = time.perf_counter() - began_s
    print(
        f"the live view of all is right after {live_s:.1f} s, REST after {(now_ms() - since_ms) / 1e3:.1f} s "
        f"(the whole list takes {took_s:.2f} s)",
        flush=True,
    )


async def listed(run: Run, *, since_ms: int) -> tuple[int, int]:
    """How many machines REST lists as online with a sample measured since then, and how many in all."""
    online = number = 0
    cursor: str | None = ""
    bearer = {"authorization": f"Bearer {await run.house.platform.token(VIEWER)}"}
    async with run.house.platform.web("/api/v1", headers=bearer, timeout=60) as client:
        while cursor is not None:
            answer = await client.get("/machines", params={"limit": PAGE, "cursor": cursor})
            page: dict[str, Any] = answer.raise_for_status().json()
            for item in page["items"]:
                current = item["current"]
                at = (current.get("telemetry") or {}).get("ts")
                number += 1
                online += current["presence"] == "online" and at is not None and _ms(at) >= since_ms
            cursor = page["next_cursor"]
    return online, number


def _ms(instant: str) -> int:
    return round(datetime.fromisoformat(instant).timestamp() * 1000)


async def steady(run: Run, seconds: float) -> None:
    """Nothing happens but what always does."""
    for viewer in (run.fleet, run.single):
        viewer.forget()
    before, published = run.house.spent(), run.field.said.published
    stored = await run.house.counted("sunsweep_ingest_stored_total")
    began_s = time.monotonic()
    async with run.told():
        await asyncio.sleep(seconds / 2)
        await one_more(run)
        await one_more_viewer(run)
        await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began_s)))
    passed_s = time.monotonic() - began_s
    after = run.house.spent()
    sent = run.field.said.published - published
    taken = await run.house.counted("sunsweep_ingest_stored_total") - stored
    print(f"\n{passed_s:.0f} s: {sent / passed_s:,.0f} messages/s sent, {taken / passed_s:,.0f} committed")
    table(before, after, passed_s, sent)
    late(run)
    run.check(not run.fleet.gaps, f"the fleet's viewer has missed {run.fleet.gaps} samples")
    run.check(not run.single.gaps, f"the machine's viewer has missed {run.single.gaps} samples")
    run.check(not run.fleet.lost + run.single.lost, "a viewer lagged")
    run.check(run.field.said.ready == run.machines, f"{run.field.said.ready} machines are here")


async def one_more(run: Run) -> None:
    """A machine is added over REST, and logs in."""
    platform, before, began_s = run.house.platform, run.house.spent(), time.perf_counter()
    answer = await platform.call("POST", "/machines", json={"machine_id": f"ONE-MORE-{os.getpid()}"}, timeout=60)
    new = answer.raise_for_status().json()
    took_s = time.perf_counter() - began_s

    async def let_in() -> bool:
        try:
            async with platform.mqtt(new["mqtt_username"], new["mqtt_password"]):
                return True
        except TimeoutError:
            return False

    await eventually(let_in, within_s=BACK_WITHIN_S)
    known_s = time.perf_counter() - began_s
    cpu_s = run.house.spent()["mosquitto"].cpu_s - before["mosquitto"].cpu_s
    (await platform.call("DELETE", f"/machines/{new['machine_id']}", timeout=60)).raise_for_status()
    print(
        f"  a machine more: REST answers after {took_s:.2f} s, its login works after {known_s:.2f} s, mosquitto "
        f"has computed {cpu_s:.2f} s",
        flush=True,
    )


async def one_more_viewer(run: Run) -> None:
    """Another viewer of the whole company, until it knows all machines."""
    began_s = time.perf_counter()
    async with watching(run.house.platform) as viewer:

        async def knows_all() -> bool:
            return len(viewer.presence) >= run.machines

        await eventually(knows_all, within_s=60)
        took_s = time.perf_counter() - began_s
    print(f"  a viewer more: all machines after {took_s:.2f} s, {viewer.bytes / MIB:.1f} MiB", flush=True)


async def restart(run: Run) -> None:
    """The broker stops and starts as `sunsweep up` has it do."""
    began_ms = now_ms()
    await run.house.platform.stop_broker()
    stopped_ms = now_ms()
    await run.house.platform.start_broker()
    print(
        f"\nthe broker is stopped after {(stopped_ms - began_ms) / 1e3:.2f} s and serves "
        f"{(now_ms() - stopped_ms) / 1e3:.2f} s later",
        flush=True,
    )
    await back(run, began_ms)


async def kill(run: Run) -> None:
    """The broker dies, and its supervisor starts it again."""
    pid = run.house.platform.broker_pid
    assert pid is not None
    began_ms = now_ms()
    os.kill(pid, signal.SIGKILL)
    print("\nthe broker is killed", flush=True)
    await back(run, began_ms)


async def back(run: Run, began_ms: int) -> None:
    before, began_s = run.house.spent(), time.monotonic()
    comings = run.fleet.comings
    async with run.told():
        last_ms = await run.field.all_ready(run.machines, since_ms=began_ms, within_s=BACK_WITHIN_S)
        print(f"the last of {run.machines:,} is back after {(last_ms - began_ms) / 1e3:.1f} s", flush=True)
        await shown(run, began_ms)
        await asyncio.sleep(SETTLE_S)
    print(f"the fleet's viewer was told {run.fleet.comings - comings:,} times that a machine came or went")
    table(before, run.house.spent(), time.monotonic() - began_s, 0)


async def account(run: Run, began_ms: int) -> None:
    """All say what they still have; then the ledger must agree with each of them."""
    report = await run.field.calm(within_s=EMPTY_WITHIN_S)
    await asyncio.sleep(SETTLE_S)
    database = run.house.platform.database
    began_s = time.perf_counter()
    found = await complaints(database, report.accounts, since_ms=began_ms, until_ms=now_ms())
    drawn = sum(one.last_seq for one in report.accounts)
    duplicates = await run.house.counted("sunsweep_ingest_duplicates_total")
    print(
        f"\n{drawn:,} numbers drawn by {len(report.accounts):,} machines; of {len(found)} machines the ledger says "
        f"anything else than that all are stored once ({time.perf_counter() - began_s:.1f} s)\n"
        f"{run.field.said.again:,} were sent again, {duplicates:,.0f} came twice and were not stored"
    )
    if report.away_s:
        cuts = ", ".join(f"{seconds:.1f}" for seconds in report.away_s)
        print(f"a machine was away for {cuts} s (p50, p90, p99, longest)")
    for words in found[:20]:
        print(f"  {words}")
    run.check(not found, f"{len(found)} machines are not accounted for")
    run.check(not run.field.said.refused, f"the broker refused {run.field.said.refused} packets")
    online, number = await listed(run, since_ms=0)
    run.check(online == run.machines == number, f"REST shows {online:,} of {number:,} machines online")
    before, began_s = run.house.spent(), time.perf_counter()
    await Closing(database, now_ms=lambda: wall_clock() + HOUR_MS).run()
    print(f"\ncounting the hours of all machines takes {time.perf_counter() - began_s:.1f} s")
    table(before, run.house.spent(), time.perf_counter() - began_s, 0)


def table(before: dict[str, Spent], after: dict[str, Spent], passed_s: float, sent: int) -> None:
    print(f"{'':<20}{'CPU, s':>10}{'of a core':>11}{'us/message':>12}{'MiB before':>12}{'after':>8}")
    for name, now in after.items():
        was = before.get(name, Spent(0.0, 0))
        cpu_s = now.cpu_s - was.cpu_s
        each = f"{cpu_s / sent * 1e6:,.0f}" if sent else ""
        print(
            f"{name:<20}{cpu_s:>10.1f}{cpu_s / passed_s:>10.1%}{each:>13}{was.rss / MIB:>12.0f}{now.rss / MIB:>8.0f}",
            flush=True,
        )
    all_s = sum(now.cpu_s - before.get(name, Spent(0.0, 0)).cpu_s for name, now in after.items())
    print(f"{'together':<20}{all_s:>10.1f}{all_s / passed_s:>10.1%}", flush=True)


def late(run: Run) -> None:
    for name, viewer in (("the fleet", run.fleet), ("one machine", run.single)):
        if len(viewer.late_ms) > 1:
            cuts = statistics.quantiles(viewer.late_ms, n=100)
            print(
                f"viewer of {name}: {len(viewer.late_ms):,} samples, from measurement to frame p50 {cuts[49]:.0f} ms, "
                f"p99 {cuts[98]:.0f} ms; {viewer.gaps} missed; {viewer.bytes / MIB:.1f} MiB",
                flush=True,
            )


async def main(options: argparse.Namespace) -> int:
    began_ms = now_ms()
    connect_s = options.connect or max(options.interval, options.machines / 200)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with house(folder, mariadb=options.database == "mariadb", machines=options.machines) as (home, them):
            for email in (VIEWER, ADMIN):
                # Kept for the whole run: a login is slow by design, and what follows is not about logins.
                await home.platform.token(email)
            print(f"the backend is ready after {(now_ms() - began_ms) / 1e3:.1f} s", flush=True)
            order = _order(folder, home, them, options, connect_s)
            async with (
                watching(home.platform) as fleet,
                watching(home.platform, them[0].machine_id) as single,
                field_of(folder, order) as field_,
            ):
                home.pids["machines"] = lambda: field_.process.pid
                run = Run(home, options.machines, field_, fleet, single)
                async with run.told():
                    await come(run, connect_s)
                await steady(run, options.minutes * 60)
                await restart(run)
                if options.kill:
                    await kill(run)
                await account(run, began_ms)
    print("\n".join(["", *(f"WRONG: {words}" for words in run.wrong)]) if run.wrong else "\nnothing is missing")
    return 1 if run.wrong else 0


def _order(
    folder: Path, home: House, them: Sequence[Login], options: argparse.Namespace, connect_s: float
) -> FleetOrder:
    assert them[0].company_id == COMPANY
    return FleetOrder(
        logins=list(them),
        port=home.platform.mqtt_port,
        interval_s=options.interval,
        heartbeat_s=options.heartbeat,
        connect_s=connect_s,
        seed=options.seed,
        report=str(folder / "report.json"),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--interval", type=float, default=30.0, help="seconds between samples")
    parser.add_argument("--heartbeat", type=float, default=60.0, help="seconds between statuses")
    parser.add_argument("--connect", type=float, default=0.0, help="seconds over which they come; 0: as fits")
    parser.add_argument("--database", choices=["mariadb", "sqlite"], default="mariadb")
    parser.add_argument("--no-kill", dest="kill", action="store_false", help="only stop the broker, do not kill it")
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(uvloop.run(main(parser.parse_args())))
