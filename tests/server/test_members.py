"""Members of the ingest: taken, handed over, adopted, drained; whatever happens to a worker, nothing is lost."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from sunsweep.mqtt.connect import opened
from sunsweep.mqtt.link import Link
from sunsweep.server import metrics
from sunsweep.server.clock import wall_clock
from sunsweep.server.db import engine, seats
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import Lease
from sunsweep.server.db.seats import member_id
from sunsweep.server.db.state import set_state
from sunsweep.server.ingest.worker import Pace, Worker
from sunsweep.server.jobs.members import UnheldMembers
from sunsweep.server.roles import member_connection
from tests.support.broker import connected
from tests.support.load import Load, bare_numbers, numbered_seqs
from tests.support.platform import Platform, eventually, new_platform, topic
from tests.support.processes import ingest_process
from tests.support.proxy import proxy_to

QUICK = Pace(lease_ms=1500, beat_s=0.1, adopt_after_ms=600, settle_s=0.5)
SLOW = QUICK._replace(beat_s=30)


@asynccontextmanager
async def platform_on(url: str, folder: Path) -> AsyncIterator[Platform]:
    """A broker, and no backend yet."""
    running = await new_platform(url, folder)
    try:
        await running.start_broker()
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def platform(database_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform_on(database_url, tmp_path) as running:
        yield running


@asynccontextmanager
async def worker_on(platform: Platform, *, pace: Pace = QUICK, url: str | None = None) -> AsyncIterator[Worker]:
    """A worker with a database connection of its own, as in a process of its own."""
    database = Database(url or platform.settings.database_url)

    def connection(number: int) -> Any:
        return member_connection(platform.settings, number)

    worker = Worker(database, connection, retention_days=90, pace=pace)
    task = asyncio.create_task(worker.run(), name="worker")
    try:
        yield worker
    finally:
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        await database.close()
    assert isinstance(outcome, asyncio.CancelledError), outcome


@asynccontextmanager
async def feeding(platform: Platform, serial: str = "M-1", *, first: int = 1) -> AsyncIterator[Load]:
    login = await platform.add_machine(serial)
    password = await platform.add_service_account(f"feeder-{serial}", ("publish", "company/#"))
    async with platform.mqtt(f"feeder-{serial}", password) as feeder:
        yield Load(feeder, topic(login, "telemetry"), first=first)


async def want(platform: Platform, members: int) -> None:
    async with platform.database.write() as session:
        await set_state(session, "ingest_members", members)


async def holds(worker: Worker, *numbers: int) -> None:
    async def so() -> bool:
        return worker.members == set(numbers)

    await eventually(so, within_s=15)


async def leases(platform: Platform) -> dict[str, Lease]:
    async with platform.database.read() as session:
        return {row.name: row for row in await session.scalars(select(Lease))}


async def all_stored(platform: Platform, load: Load) -> None:
    async def there() -> bool:
        seqs, bare = await numbered_seqs(platform.database), await bare_numbers(platform.database)
        return load.numbered <= seqs.keys() and load.bare <= bare.keys()

    await eventually(there, within_s=30)
    assert set((await numbered_seqs(platform.database)).values()) == {1}


async def test_a_second_worker_stands_by_and_takes_over_when_the_first_one_leaves(platform: Platform) -> None:
    async with feeding(platform) as load:
        async with worker_on(platform) as first:
            await holds(first, 0)
            async with worker_on(platform) as second:
                await load.burst()
                await all_stored(platform, load)
                assert second.members == frozenset()
        async with worker_on(platform) as third:
            await load.burst()
            await holds(third, 0)
            await all_stored(platform, load)
    assert set((await bare_numbers(platform.database)).values()) == {1}
    assert set(await leases(platform)) == {"ingest-0"}


async def test_a_new_worker_gets_its_share_and_it_goes_back_when_that_one_leaves(platform: Platform) -> None:
    await want(platform, 2)
    async with feeding(platform) as load, worker_on(platform) as first:
        await holds(first, 0, 1)
        async with load.running():
            async with worker_on(platform) as second:
                await holds(second, 1)
                await holds(first, 0)
                await load.burst()
            await holds(first, 0, 1)
            await load.burst()
        await all_stored(platform, load)
    assert set((await bare_numbers(platform.database)).values()) == {1}


async def test_more_members_and_fewer_again_under_load(mariadb_url: str, tmp_path: Path) -> None:
    async with platform_on(mariadb_url, tmp_path) as platform:
        await more_and_fewer(platform)


async def more_and_fewer(platform: Platform) -> None:
    async with feeding(platform) as load, worker_on(platform) as worker:
        await holds(worker, 0)
        async with load.running():
            for members in (3, 1, 2, 1):
                await want(platform, members)
                await holds(worker, *range(members))
                await load.burst()
        await all_stored(platform, load)
        assert set(await leases(platform)) >= {"ingest-0"}
        assert not {"ingest-1", "ingest-2"} & set(await leases(platform))
    assert await session_is_gone(platform, 1)
    # Once more with one member only: nothing of the plain or the shared filters has stayed behind to deliver twice.
    before = (await bare_numbers(platform.database)).total()
    async with feeding(platform, "M-2", first=1_000_000) as load, worker_on(platform):
        await load.burst()
        await all_stored(platform, load)
        assert (await bare_numbers(platform.database)).total() == before + len(load.bare)


async def test_what_waits_in_a_session_that_is_not_wanted_any_more_is_stored_first(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with platform_on(sqlite_url, tmp_path) as platform, feeding(platform) as load:
        await want(platform, 2)
        async with worker_on(platform) as worker:
            await holds(worker, 0, 1)
            await load.burst()
            await all_stored(platform, load)
        await load.burst()
        await want(platform, 1)
        async with worker_on(platform) as worker:
            await holds(worker, 0, 1)
            await holds(worker, 0)
            await all_stored(platform, load)
        assert set((await bare_numbers(platform.database)).values()) == {1}


async def test_a_worker_whose_member_was_taken_steps_down_and_stays_away(sqlite_url: str, tmp_path: Path) -> None:
    async with platform_on(sqlite_url, tmp_path) as platform, feeding(platform) as load, worker_on(platform) as worker:
        await holds(worker, 0)
        async with platform.database.write() as session:
            row = await session.get_one(Lease, member_id(0))
            row.holder, row.expires_at = "somebody else", wall_clock() + 2000
        with capture_logs() as logs:
            await holds(worker)
        assert [line["log_level"] for line in logs if "another worker has taken over" in line["event"]] == ["warning"]
        await load.burst()
        assert not await bare_numbers(platform.database)
        # The other one is gone for good: it lapses, and the one that stands by takes it back.
        await holds(worker, 0)
        await all_stored(platform, load)


async def test_a_session_taken_over_is_left_alone(sqlite_url: str, tmp_path: Path) -> None:
    """The broker's word comes before the database's: no connection is made that the database does not confirm."""
    async with platform_on(sqlite_url, tmp_path) as platform, worker_on(platform, pace=SLOW) as worker:
        await holds(worker, 0)
        await eventually(lambda: is_connected(worker, 0))
        async with platform.database.write() as session:
            (await session.get_one(Lease, member_id(0))).holder = "somebody else"
        async with connected(member_connection(platform.settings)) as other:
            await eventually(lambda: is_connected(worker, 0, so=False))
            connection = other.connection
            await asyncio.sleep(1.5)  # three attempts of a client that would come back by itself
            assert (other.connected, other.connection) == (True, connection)


async def test_a_worker_cut_off_from_the_database_is_replaced_and_does_not_fight(
    mariadb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seats, "_ANSWER_WITHIN_S", 0.5)
    monkeypatch.setattr(engine, "INGEST_SILENCE_S", 1)
    address = make_url(mariadb_url)
    async with (
        platform_on(mariadb_url, tmp_path) as platform,
        proxy_to(address.port or 0) as proxy,
        feeding(platform) as load,
    ):
        through = address.set(host="127.0.0.1", port=proxy.port, query={"connect_timeout": "1"})
        url = through.render_as_string(hide_password=False)
        async with worker_on(platform, url=url) as first, load.running():
            await holds(first, 0)
            async with worker_on(platform) as second:
                proxy.go_silent()
                await holds(second, 0)
                await all_stored_now(platform, load)
                before = (await leases(platform))["ingest-0"].since
                proxy.pass_again()
                await holds(first)
                await all_stored_now(platform, load)
                assert (await leases(platform))["ingest-0"].since == before
        async with worker_on(platform):
            await all_stored(platform, load)


async def test_the_locks_of_a_transaction_that_was_cut_off_are_freed(
    mariadb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "INGEST_SILENCE_S", 1)
    address = make_url(mariadb_url)
    database = Database(mariadb_url)
    await upgrade(database)
    async with proxy_to(address.port or 0) as proxy:
        through = address.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
        cut_off = Database(through)

        async def be_cut_off() -> None:
            async with cut_off.transaction() as connection:
                await set_state(connection, "closed_until", 1)
                proxy.go_silent()
                await connection.execute(select(Lease))

        with pytest.raises(TimeoutError):
            await be_cut_off()
        async with asyncio.timeout(20), database.write() as session:
            await set_state(session, "closed_until", 2)
        await cut_off.close()
    await database.close()


async def test_a_session_that_closes_over_a_silent_network_obeys_a_cancellation(mariadb_url: str) -> None:
    """Not after the whole limit in time: whoever stops a process would wait for it."""
    address = make_url(mariadb_url)
    async with proxy_to(address.port or 0) as proxy:
        cut_off = Database(address.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False))

        async def be_cut_off() -> None:
            async with cut_off.read() as session:
                await session.execute(select(1))
                proxy.go_silent()

        task = asyncio.create_task(be_cut_off())
        await asyncio.sleep(1)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=30)
        assert done
        assert task.cancelled()
        await cut_off.close()


async def test_while_the_database_is_away_the_member_is_kept(sqlite_url: str, tmp_path: Path) -> None:
    async with platform_on(sqlite_url, tmp_path) as platform, feeding(platform) as load, worker_on(platform) as worker:
        await holds(worker, 0)
        member, since = worker._members[0], (await leases(platform))["ingest-0"].since
        async with platform.database.write() as session:
            await session.execute(select(Lease))  # with this begins a transaction that lets nobody else write
            await load.burst()
            await asyncio.sleep(QUICK.lease_ms / 1000 + 0.5)
            assert worker._members == {0: member}
            assert await is_connected(worker, 0)
        await all_stored(platform, load)
        assert worker._members == {0: member}
        await eventually(lambda: held_since_after(platform, since))


async def test_a_member_nobody_holds_is_told_of(platform: Platform) -> None:
    now_ms = wall_clock()
    watch = UnheldMembers(platform.database, now_ms=lambda: now_ms)
    await platform.start_web()
    await want(platform, 2)
    async with worker_on(platform, pace=QUICK._replace(lease_ms=120_000, adopt_after_ms=600_000)) as worker:
        await holds(worker, 0)
        await eventually(lambda: has_lease(platform, "ingest-1"))
        with capture_logs() as logs:
            for seconds in (1, 16, 30):
                now_ms = wall_clock() + seconds * 1000
                await watch.look()
        assert metrics.MEMBERS_UNHELD._value.get() == 1
        assert [(line["log_level"], line["member"]) for line in logs] == [("warning", 1)]
        await let_lapse(platform, "ingest-1", wall_clock() - 20_000)
        answer = await ready(platform)
        assert answer.status_code == 200
        assert answer.json()["status"] == "degraded"
        assert "ingest-1" in answer.json()["ingest"]
        async with worker_on(platform, pace=QUICK._replace(lease_ms=120_000)) as second:
            await holds(second, 1)
            with capture_logs() as logs:
                await watch.look()
            assert metrics.MEMBERS_UNHELD._value.get() == 0
            assert [(line["log_level"], line["member"]) for line in logs] == [("info", 1)]
            assert (await ready(platform)).json()["status"] == "ok"


@pytest.mark.timeout(180)
async def test_a_worker_that_is_killed_and_one_that_is_held_up_are_replaced(mariadb_url: str, tmp_path: Path) -> None:
    """Processes as an operator starts them; whoever has no member takes one, and the one that is left adopts."""
    async with platform_on(mariadb_url, tmp_path) as platform, feeding(platform) as load:
        await want(platform, 2)
        async with process(platform) as first, process(platform):
            await eventually(lambda: are_held_by(platform, 2), within_s=30)
            async with load.running():
                first.send_signal(signal.SIGSTOP)
                try:
                    await eventually(lambda: are_held_by(platform, 1), within_s=30)
                finally:
                    first.send_signal(signal.SIGCONT)
                # Back again it takes nothing back; it is given its share, once.
                await eventually(lambda: are_held_by(platform, 2), within_s=30)
                before = await since(platform)
                await all_stored_now(platform, load)
                assert await since(platform) == before
                first.kill()
                await eventually(lambda: are_held_by(platform, 1), within_s=30)
            await all_stored(platform, load)


def process(platform: Platform) -> Any:
    return ingest_process(platform.settings, SUNSWEEP_INGEST_ADOPT_AFTER_S="1")


async def are_held_by(platform: Platform, workers: int) -> bool:
    """Whether both members are held, by so many different workers."""
    now_ms, rows = wall_clock(), await leases(platform)
    held = [row.holder for number in range(2) if (row := rows.get(member_id(number))) and row.expires_at > now_ms]
    return len(held) == 2 and len(set(held)) == workers


async def since(platform: Platform) -> list[int]:
    rows = await leases(platform)
    return [rows[member_id(number)].since for number in range(2)]


async def all_stored_now(platform: Platform, load: Load) -> None:
    """What had been sent until now, while more is coming."""
    numbered, bare = set(load.numbered), set(load.bare)

    async def there() -> bool:
        seqs, found = await numbered_seqs(platform.database), await bare_numbers(platform.database)
        return numbered <= seqs.keys() and bare <= found.keys()

    await eventually(there, within_s=30)


async def held_since_after(platform: Platform, at_ms: int) -> bool:
    return (await leases(platform))["ingest-0"].since > at_ms


async def let_lapse(platform: Platform, name: str, at_ms: int) -> None:
    async with platform.database.write() as session:
        (await session.get_one(Lease, name)).expires_at = at_ms


async def has_lease(platform: Platform, name: str) -> bool:
    return name in await leases(platform)


async def ready(platform: Platform) -> httpx.Response:
    async with platform.web() as web:
        return await web.get("/readyz")


async def is_connected(worker: Worker, number: int, *, so: bool = True) -> bool:
    return worker._members[number]._ingest.connected == so


async def session_is_gone(platform: Platform, number: int) -> bool:
    settings = member_connection(platform.settings, number)
    link = Link(settings, 0, on_messages=lambda _: None, clock_ms=wall_clock)
    async with opened(link, settings):
        return not link.welcome.result().session_present
