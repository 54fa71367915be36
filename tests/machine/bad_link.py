"""A machine's program, killed again and again on a link that is cut and held at random, and the account of it all."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

from msgspec import Struct, field

from sunsweep.server.clock import wall_clock
from tests.chaos.proxy import HOST, Proxy, proxy_to
from tests.chaos.verdict import Tables, recount
from tests.support.machine_program import Kept, Running, Site
from tests.support.platform import Platform, eventually, running_platform

SERIAL: Final = "scm-1"
INTERVAL_S: Final = 0.05
EARLY: Final = 0.2
"""Of the kills, so many come at any moment from the start of the process; the others once it has tried the link."""
LONG: Final = 0.1
"""So many live long enough to be killed amid receipts."""
STARTED_WITHIN_S: Final = 30.0
DRAINED_WITHIN_S: Final = 240.0
log = logging.getLogger("chaos")


class Story(Struct):
    """How far each boot went, in the words of the state file, and what waited at each kill."""

    seed: int
    last: dict[int, int] = field(default_factory=dict)
    waited: list[int] = field(default_factory=list)
    connected: int = 0
    final: Kept | None = None

    def note(self, kept: Kept | None) -> None:
        if kept is not None:
            self.last[kept.boot] = kept.last_seq
            self.waited.append(kept.waiting.total())

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {len(self.last)} boots, {self.connected} of them reached the broker, "
            f"{sum(self.last.values())} numbers drawn, at most {max(self.waited)} waited at a kill, "
            f"{self.waited.count(0)} kills found the outbox empty"
        )


async def killed_on_a_bad_link(transport: str, database_url: str, folder: Path, *, kills: int, seed: int) -> Story:
    """Raises `AssertionError` where a number is missing, or stored twice."""
    random, story, site = Random(seed), Story(seed), Site(folder / "machine")
    async with running_platform(database_url, folder) as platform:
        target = platform.settings.port if transport == "ws" else platform.mqtt_port
        async with proxy_to(target) as proxy:
            path = "/mqtt" if transport == "ws" else ""
            login = await platform.add_machine(SERIAL)
            site.configure(login, f"{transport}://{HOST}:{proxy.port}{path}", interval_s=INTERVAL_S)
            async with disturbed(proxy, random):
                for _ in range(kills):
                    await _one_life(site, random, story)
            proxy.heal()
            await _last_life(site, platform, story)
        tables = await _settled(platform, story)
    log.info("%s: %d kills; %s", transport, kills, story)
    assert not (found := complaints(story, tables)), f"{story}: " + "\n".join(found)
    return story


@asynccontextmanager
async def disturbed(proxy: Proxy, random: Random) -> AsyncIterator[None]:
    """The link is now whole, now cut, held, or silent for ever, a while each."""

    async def disturb() -> None:
        while True:
            await asyncio.sleep(random.uniform(0.1, 1.2))
            random.choice([proxy.cut, proxy.hold, proxy.swallow])()
            await asyncio.sleep(random.uniform(0.05, 0.5))
            proxy.heal()

    task = asyncio.create_task(disturb(), name="disturb")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _one_life(site: Site, random: Random, story: Story) -> None:
    async with site.program() as program:
        if random.random() >= EARLY:
            await eventually(lambda: _tried(program), within_s=STARTED_WITHIN_S)
        await asyncio.sleep(random.uniform(1.5, 4.0) if random.random() < LONG else random.uniform(0.3, 1.5))
        assert program.process.returncode is None, program.said
        await program.kill()
        story.connected += "connected to" in program.said
    story.note(site.kept())


async def _tried(program: Running) -> bool:
    assert program.process.returncode is None, program.said
    return "connected to" in program.said or "no connection to" in program.said


async def _last_life(site: Site, platform: Platform, story: Story) -> None:
    """On a good link, until all that the killed ones left has arrived."""
    async with site.program() as program:

        async def drained() -> bool:
            assert program.process.returncode is None, program.said
            tables = await recount(platform.database, wall_clock())
            told = all(tables.ends.get((SERIAL, boot)) == last for boot, last in story.last.items())
            return told and all(len(tables.stored[SERIAL, boot]) == last for boot, last in story.last.items())

        await eventually(drained, within_s=DRAINED_WITHIN_S)
        await program.end()
    story.final = site.kept()
    assert story.final is not None
    story.last[story.final.boot] = story.final.last_seq


async def _settled(platform: Platform, story: Story) -> Tables:
    """What was on its way at the end is stored a little later; what then still misses is the caller's matter."""
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        tables = await recount(platform.database, wall_clock())
        if not complaints(story, tables) or asyncio.get_running_loop().time() > deadline:
            return tables
        await asyncio.sleep(0.3)


def complaints(story: Story, tables: Tables) -> list[str]:
    """Every number is stored exactly once, or waits in the file; nothing is refused, given up, or of no boot."""
    assert story.final is not None
    found = [f"rows of a boot that never was: {boot}" for _, boot in tables.stored if boot not in story.last]
    found += [f"told as lost: {key} {sorted(lost)[:10]}" for key, lost in tables.lost.items()]
    found += [f"refused: {key} {sorted(refused)[:10]}" for key, refused in tables.rejected.items()]
    for boot, last in story.last.items():
        rows = tables.stored[SERIAL, boot]
        numbers = set(range(1, last + 1))
        waiting = {seq for its, seq in story.final.waiting if its == boot}
        if missing := numbers - rows.keys() - waiting:
            found.append(f"boot {boot}: of {last} missing {sorted(missing)[:10]}")
        if invented := rows.keys() - numbers:
            found.append(f"boot {boot}: beyond the last, {last}: {sorted(invented)[:10]}")
        if twice := [seq for seq, times in rows.items() if times > 1]:
            found.append(f"boot {boot}: stored more than once: {sorted(twice)[:10]}")
        if boot != story.final.boot and tables.ends.get((SERIAL, boot)) != last:
            found.append(f"boot {boot}: its end is {last}, as told {tables.ends.get((SERIAL, boot))}")
    return found
