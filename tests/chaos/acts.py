"""What can go wrong, drawn from a seed. Two lanes: what happens to processes, and what happens to the network."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Final

import psutil

from tests.chaos.proxy import Proxy
from tests.chaos.world import World

log = logging.getLogger("chaos")
SHORTEST_FILE: Final = 64 * 1024

Act = Callable[[World, Random], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """What one run may do to whom."""

    name: str
    database: str = "mariadb"
    workers: int = 1
    broker_dies: bool = False

    def on_processes(self) -> list[Act]:
        acts: list[Act] = [kill_ingest, kill_ingest, stop_ingest, pause_ingest, pause_broker, kill_jobs]
        if self.broker_dies:
            acts.append(kill_broker)
        if self.database == "mariadb":
            return [*acts, pause_database, kill_database, kill_sessions]
        return [*acts, fill_disk, fill_disk, limit_files]

    def on_network(self, links: list[str], *, patient: bool) -> list[Act]:
        """Silence that only a keep-alive ends takes a minute to get over: for who is `patient`."""
        ways = [cut, hold, slow] + [swallow] * patient
        return [_on(link, way) for link in links for way in ways] + [_on("machines", swallow)]


async def wreak(world: World, scenario: Scenario, seed: int, seconds: float) -> None:
    """For so long."""
    patient = seconds >= 60
    lanes = {
        "processes": scenario.on_processes(),
        "network": scenario.on_network(list(world.links), patient=patient),
    }
    until_s = asyncio.get_running_loop().time() + seconds
    async with asyncio.TaskGroup() as group:
        for name, acts in lanes.items():
            group.create_task(_lane(world, acts, Random(f"{seed}/{name}"), until_s), name=name)


async def _lane(world: World, acts: list[Act], random: Random, until_s: float) -> None:
    """Each of them comes before any comes again."""
    loop = asyncio.get_running_loop()
    bag: list[Act] = []
    while True:
        await asyncio.sleep(random.uniform(0.5, 2.0))
        if loop.time() >= until_s:
            return
        bag = bag or random.sample(acts, len(acts))
        await bag.pop()(world, random)


async def kill_ingest(world: World, random: Random) -> None:
    _say("SIGKILL ingest")
    random.choice(world.workers).signal(signal.SIGKILL)


async def stop_ingest(world: World, random: Random) -> None:
    _say("SIGTERM ingest")
    random.choice(world.workers).signal(signal.SIGTERM)


async def pause_ingest(world: World, random: Random) -> None:
    worker, seconds = random.choice(world.workers), random.uniform(0.5, 4)
    _say(f"ingest stands still for {seconds:.1f} s")
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    worker.signal(signal.SIGCONT)


async def kill_jobs(world: World, random: Random) -> None:
    _say("SIGKILL jobs")
    world.jobs.signal(signal.SIGKILL)


async def pause_broker(world: World, random: Random) -> None:
    seconds = random.uniform(0.5, 3)
    _say(f"broker stands still for {seconds:.1f} s")
    world.signal_broker(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    world.signal_broker(signal.SIGCONT)


async def kill_broker(world: World, random: Random) -> None:
    _say("SIGKILL broker")
    world.signal_broker(signal.SIGKILL)


async def pause_database(world: World, random: Random) -> None:
    seconds = random.uniform(0.5, 4)
    _say(f"database stands still for {seconds:.1f} s")
    world.signal_database(signal.SIGSTOP)
    await _meanwhile(world, random, seconds)
    world.signal_database(signal.SIGCONT)


async def kill_database(world: World, random: Random) -> None:
    assert world.mariadb is not None
    seconds = random.uniform(0, 3)
    _say(f"SIGKILL database, back after {seconds:.1f} s")
    await asyncio.to_thread(world.mariadb.kill)
    await _meanwhile(world, random, seconds)
    await asyncio.to_thread(world.mariadb.start)


async def kill_sessions(world: World, random: Random) -> None:
    assert world.mariadb is not None
    _say("every session of the database is killed")
    await asyncio.to_thread(world.mariadb.kill_sessions)


async def fill_disk(world: World, random: Random) -> None:
    assert world.disk is not None
    if not world.disk.small:
        await limit_files(world, random)
        return
    seconds = random.uniform(1, 5)
    _say(f"the disk is full (ENOSPC) for {seconds:.1f} s")
    await world.disk.fill()
    await _meanwhile(world, random, seconds)
    world.disk.free()


async def limit_files(world: World, random: Random) -> None:
    seconds = random.uniform(1, 4)
    _say(f"no file may grow (EFBIG) for {seconds:.1f} s")
    for worker in world.workers:
        worker.limit_files(SHORTEST_FILE)
    await _meanwhile(world, random, seconds)
    for worker in world.workers:
        worker.limit_files(psutil.RLIM_INFINITY)


async def _meanwhile(world: World, random: Random, seconds: float) -> None:
    """Wait; as often as not, an ingest is killed with what it could not store."""
    kill_after_s = random.uniform(0, 2 * seconds)
    if kill_after_s > seconds:
        await asyncio.sleep(seconds)
        return
    await asyncio.sleep(kill_after_s)
    await kill_ingest(world, random)
    await asyncio.sleep(seconds - kill_after_s)


def cut(proxy: Proxy, random: Random) -> str:
    proxy.cut()
    return "is cut"


def hold(proxy: Proxy, random: Random) -> str:
    proxy.hold()
    return "moves nothing"


def swallow(proxy: Proxy, random: Random) -> str:
    proxy.swallow()
    return "is silent; what stood stays so"


def slow(proxy: Proxy, random: Random) -> str:
    proxy.delay_s = random.uniform(0.02, 0.3)
    return f"delays by {proxy.delay_s:.2f} s"


def _on(link: str, way: Callable[[Proxy, Random], str]) -> Act:
    async def act(world: World, random: Random) -> None:
        said = way(world.links[link], random)
        seconds = random.uniform(0.3, 4)
        _say(f"link to {link}: {said}, for {seconds:.1f} s")
        await asyncio.sleep(seconds)
        world.links[link].heal()

    return act


def _say(words: str) -> None:
    log.info("%s", words)
