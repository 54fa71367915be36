"""A machine whose memory is gone, older than itself, or damaged: the real program, and what the ledger says of it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from sunsweep.machine.disk import FILE
from sunsweep.server.clock import wall_clock
from tests.chaos.proxy import HOST, Proxy, proxy_to
from tests.chaos.verdict import recount
from tests.support.machine_program import Kept, Running, Site
from tests.support.platform import Platform, eventually, running_platform

SERIAL: Final = "scm-1"
SOME: Final = 5
A_WHILE: Final = 80
"""So far that a receipt or two have come; the first one is answered with what is known of earlier boots."""
WITHIN_S: Final = 30.0


@dataclass
class Case:
    """One machine, the link that it speaks over, and the backend."""

    site: Site
    link: Proxy
    platform: Platform

    async def ledger(self) -> dict[int, dict[str, Any]]:
        found = await self.platform.get(f"/machines/{SERIAL}/ledger", as_="viewer@example.com")
        return {boot["boot"]: boot for boot in found["items"]}

    async def boot_of(self, program: Running) -> int:
        """The boot of a program that has just started, once it is the newest in the ledger."""
        known = set(await self.ledger())

        async def new() -> set[int]:
            assert program.process.returncode is None, program.said
            arrived = {boot for boot, found in (await self.ledger()).items() if found["stored"]["count"]}
            return arrived - known

        (boot,) = await eventually(new, within_s=WITHIN_S)
        return int(boot)

    async def stored_beyond(self, boot: int, number: int) -> None:
        async def beyond() -> bool:
            return bool((await self.ledger())[boot]["last"] > number)

        await eventually(beyond, within_s=WITHIN_S)

    async def cut_off(self) -> None:
        """From here on what the machine measures waits."""
        before = self._newest()
        self.link.cut()

        async def waits() -> bool:
            await asyncio.sleep(0.1)
            return self._newest() >= before + 4 * SOME

        await eventually(waits, within_s=WITHIN_S)

    def kept(self) -> Kept:
        kept = self.site.kept()
        assert kept is not None
        return kept

    async def every_number_is_there_once(self, last: Kept) -> None:
        """Of the newest boot too none was taken for one that is known."""

        async def there() -> bool:
            tables = await recount(self.platform.database, wall_clock())
            its = {seq for boot, seq in last.waiting if boot == last.boot}
            return tables.stored[SERIAL, last.boot].keys() | its == set(range(1, last.last_seq + 1))

        await eventually(there, within_s=WITHIN_S)
        tables = await recount(self.platform.database, wall_clock())
        assert {times for rows in tables.stored.values() for times in rows.values()} == {1}
        assert not tables.rejected
        assert not tables.lost

    def _newest(self) -> int:
        return self.kept().last_seq


@pytest.fixture
async def case(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Case]:
    async with running_platform(sqlite_url, tmp_path) as platform, proxy_to(platform.mqtt_port) as link:
        site = Site(tmp_path / "machine")
        login = await platform.add_machine(SERIAL)
        site.configure(login, f"mqtt://{HOST}:{link.port}", interval_s=0.05)
        yield Case(site, link, platform)


async def a_life_cut_short(case: Case, *, ends: int | None = None) -> Kept:
    """Some of it is stored, and its word on the end of that boot; some waits; then the power goes."""
    async with case.site.program() as program:
        boot = await case.boot_of(program)
        await case.stored_beyond(boot, SOME)
        if ends is not None:
            await eventually(lambda: told_the_end(case, ends), within_s=WITHIN_S)
        await case.cut_off()
        await program.kill()
    case.link.heal()
    kept = case.kept()
    assert kept.boot == boot
    assert kept.waiting
    return kept


async def a_new_life(case: Case, *, ends: int | None = None) -> tuple[Kept, str]:
    """Until much of it is stored, and its word on the end of that boot; and what it said."""
    async with case.site.program() as program:
        await case.stored_beyond(await case.boot_of(program), A_WHILE)
        if ends is not None:
            await eventually(lambda: told_the_end(case, ends), within_s=WITHIN_S)
        await program.end()
    return case.kept(), program.said


async def told_the_end(case: Case, boot: int) -> bool:
    return (SERIAL, boot) in (await recount(case.platform.database, wall_clock())).ends


def is_open(boot: dict[str, Any], *, before: int) -> None:
    """It is known as far as it arrived; nobody has said how far it went."""
    assert not boot["ended"]
    assert SOME < boot["last"] < before
    assert boot["given_up"]["count"] == boot["rejected"]["count"] == 0
    assert boot["stored"]["count"] + boot["not_yet_arrived"]["count"] == boot["last"]


async def test_a_reflashed_card(case: Case) -> None:
    old = await a_life_cut_short(case)
    shutil.rmtree(case.site.state)
    new, _ = await a_new_life(case)
    assert new.boot != old.boot
    await case.every_number_is_there_once(new)
    is_open((await case.ledger())[old.boot], before=old.last_seq)


async def test_a_corrupt_outbox(case: Case) -> None:
    old = await a_life_cut_short(case)
    random = Random(3)
    for name in (FILE, f"{FILE}-wal"):
        damaged = case.site.state / name
        damaged.write_bytes(random.randbytes(damaged.stat().st_size))
    new, said = await a_new_life(case)
    assert "kept as outbox.corrupt-1, and a new one begun" in said
    assert new.boot != old.boot
    await case.every_number_is_there_once(new)
    is_open((await case.ledger())[old.boot], before=old.last_seq)


async def an_image_of_a_life_that_went_on(case: Case, image: Path) -> tuple[Kept, int]:
    """The image's newest boot and what waits in it; how far that boot went after it."""
    async with case.site.program() as program:
        boot = await case.boot_of(program)
        await case.stored_beyond(boot, SOME)
        await case.cut_off()
        shutil.copytree(case.site.state, image / "state")
        kept = Site(image).kept()
        assert kept is not None
        assert kept.boot == boot
        assert kept.waiting
        case.link.heal()
        await case.stored_beyond(boot, kept.last_seq + SOME)
        await program.kill()
    return kept, case.kept().last_seq


def put_back(case: Case, image: Path) -> None:
    shutil.rmtree(case.site.state)
    shutil.copytree(image / "state", case.site.state)


async def test_an_older_image_after_newer_boots(case: Case, tmp_path: Path) -> None:
    image = tmp_path / "image"
    first, first_last = await an_image_of_a_life_that_went_on(case, image)
    between = await a_life_cut_short(case, ends=first.boot)
    put_back(case, image)
    new, said = await a_new_life(case)
    assert "cannot be read" not in said
    assert len({first.boot, between.boot, new.boot}) == 3
    await case.every_number_is_there_once(new)
    ledger = await case.ledger()
    is_open(ledger[between.boot], before=between.last_seq)
    # The image's word that this boot had ended earlier came later, and is wrong.
    assert (ledger[first.boot]["ended"], ledger[first.boot]["last"]) == (True, first_last)
    assert ledger[first.boot]["complete"]


async def test_an_older_image_of_the_same_boot(case: Case, tmp_path: Path) -> None:
    image = tmp_path / "image"
    first, first_last = await an_image_of_a_life_that_went_on(case, image)
    put_back(case, image)
    new, said = await a_new_life(case, ends=first.boot)
    assert "cannot be read" not in said
    assert new.boot != first.boot
    await case.every_number_is_there_once(new)
    found = (await case.ledger())[first.boot]
    # The image says that it ended before what is stored of it: so how far it went is not known.
    assert first.last_seq + SOME < found["last"] <= first_last
    assert not found["ended"]
    assert found["stored"]["count"] + found["not_yet_arrived"]["count"] == found["last"]
