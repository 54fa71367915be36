"""Leases while the clock steps: one that was left behind in the future keeps nobody away for long."""

import asyncio

import pytest
from sqlalchemy.engine import make_url

from sunsweep.server.db import engine
from sunsweep.server.db.engine import Database
from sunsweep.server.db.lease import LEASE_MS, LeaseKeeper
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.seats import Seats
from tests.support.history import DAY_MS, Time
from tests.support.proxy import proxy_to

SEAT_MS = 4000


@pytest.fixture
def time() -> Time:
    return Time()


async def test_a_lease_of_the_dead_in_the_future_is_taken_once_nobody_has_renewed_it(
    database: Database, time: Time
) -> None:
    dead, living = (LeaseKeeper(database, "jobs", now_ms=time) for _ in range(2))
    await dead._take()
    time.ms -= DAY_MS
    for _ in range(2):
        await living._take()
        assert not living.held
        time.ms += LEASE_MS // 2
    await living._take()
    assert living.held
    await dead._take()
    assert not dead.held


async def test_a_lease_that_is_renewed_stays_whatever_the_other_clock_says(database: Database, time: Time) -> None:
    ahead = Time(time.ms + DAY_MS)
    holder, other = LeaseKeeper(database, "jobs", now_ms=ahead), LeaseKeeper(database, "jobs", now_ms=time)
    for _ in range(10):
        await holder._take()
        await other._take()
        assert (holder.held, other.held) == (True, False)
        time.ms += LEASE_MS // 4
        ahead.ms += LEASE_MS // 4


async def test_a_holder_whose_clock_steps_back_asks_the_database_first(database: Database, time: Time) -> None:
    keeper = LeaseKeeper(database, "jobs", now_ms=time)
    await keeper._take()
    held = [keeper.held]
    time.ms -= DAY_MS
    held.append(keeper.held)
    await keeper._take()
    held.append(keeper.held)
    assert held == [True, False, True]


async def test_a_member_of_the_dead_in_the_future_is_free_once_nobody_has_renewed_it(
    database: Database, time: Time
) -> None:
    dead, living = (Seats(database, worker=name, lease_ms=SEAT_MS, now_ms=time) for name in ("dead", "living"))
    assert await dead.take(0, await dead.open(0))
    time.ms -= DAY_MS
    assert (await living.table()).unheld(time.ms) == {}
    time.ms += SEAT_MS - 1
    assert (await living.table()).unheld(time.ms) == {}
    time.ms += 1
    table = await living.table()
    assert table.unheld(time.ms) == {0: 0}
    assert await living.take(0, table.seats[0])


async def test_a_member_that_is_renewed_stays_held(database: Database, time: Time) -> None:
    ahead = Time(time.ms + DAY_MS)
    holder = Seats(database, worker="holder", lease_ms=SEAT_MS, now_ms=ahead)
    other = Seats(database, worker="other", lease_ms=SEAT_MS, now_ms=time)
    assert await holder.take(0, await holder.open(0))
    for _ in range(10):
        await holder.renew([0])
        assert (await other.table()).unheld(time.ms) == {}
        time.ms += SEAT_MS // 2
        ahead.ms += SEAT_MS // 2


async def test_a_network_that_was_cut_keeps_nobody_for_ever(
    mariadb_url: str, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SILENCE_S", 0.5)
    address = make_url(mariadb_url)
    assert address.port is not None
    async with proxy_to(address.port) as proxy, asyncio.timeout(60):
        url = address.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
        database = Database(url)
        await upgrade(database)
        keeper = LeaseKeeper(database, "jobs", now_ms=time)
        await keeper._try()
        proxy.go_silent()
        time.ms += LEASE_MS
        asking = asyncio.create_task(keeper._try())
        await asyncio.sleep(0)
        proxy.pass_again()
        await asking
        await keeper._try()
        assert keeper.held
        await database.close()
