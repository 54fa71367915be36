"""How often a login may be tried, and how long one lasts, under a clock of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import func, select, text

from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import FailedLogin, PasswordReset, RefreshToken
from sunsweep.server.errors import SunsweepError, TooManyTriesError, UnauthenticatedError
from sunsweep.server.features.accounts import lockout, login_repository, renewal, repository, reset, service
from sunsweep.server.features.accounts.gate import Gate
from sunsweep.server.features.accounts.renewal import Login
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.accounts.service import Attempt
from sunsweep.server.features.accounts.tokens import Tokens
from tests.support.platform import eventually

ANN = "ann@example.com"
PASSWORD = "correct horse"
HOME = "192.0.2.1"
SECOND = 1000


@dataclass
class House:
    database: Database
    now_ms: int = field(default_factory=wall_clock)

    def __post_init__(self) -> None:
        # Access tokens are read by a library with a clock of its own; these end by their version only.
        self.tokens = Tokens("only-for-tests-only-for-tests-only", lifetime_s=2**31, refresh_s=1000)
        self.gate = Gate()

    def clock(self) -> int:
        return self.now_ms

    async def log_in(self, password: str = PASSWORD, *, email: str = ANN, address: str = HOME) -> Login:
        attempt = Attempt(email, password, address)
        return await service.log_in(self.database, self.tokens, self.gate, attempt, now_ms=self.clock)

    async def outcome(self, *words: str, **more: Any) -> int:
        """200, or the status of the refusal; 429 tells the wait."""
        try:
            await self.log_in(*words, **more)
        except SunsweepError as refusal:
            return refusal.status
        return 200

    async def wait_s(self, **more: Any) -> int:
        with pytest.raises(TooManyTriesError) as refused:
            await self.log_in(**more)
        return int(refused.value.fields["retry_after_s"])

    async def fails(self, subject: lockout.Subject, times: int) -> None:
        """So many in a row, just now."""
        until = self.now_ms + subject.wait_s(times) * 1000
        async with self.database.write() as session:
            await login_repository.lock_failures(session, [subject.who_hash], now_ms=self.now_ms)
            await login_repository.set_failures(session, subject.who_hash, times, at=self.now_ms, blocked_until=until)

    async def renew(self, login: Login) -> Login:
        return await renewal.renew(self.database, self.tokens, login.refresh, now_ms=self.now_ms)

    async def lives(self, login: Login) -> bool:
        try:
            await service.principal(self.database, self.tokens, login.access, now_ms=self.now_ms)
        except UnauthenticatedError:
            return False
        return True

    async def rows(self, table: Any) -> int:
        async with self.database.read() as session:
            return await session.scalar(select(func.count()).select_from(table)) or 0


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[House]:
    """A migrated database with one person."""
    database = Database(database_url)
    await upgrade(database)
    async with database.write() as session:
        await service.add_company(session, "Alpha", now_ms=1)
        await service.add_user(session, ANN, Role.VIEWER, company_id=1, password=PASSWORD, now_ms=1)
    try:
        yield House(database)
    finally:
        await database.close()


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""The database has no part in it that could differ."""


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with opened(database_url) as found:
        yield found


def test_a_wait_doubles_and_has_an_end() -> None:
    subject = lockout.of_email(ANN)
    assert [subject.wait_s(failed) for failed in range(4, 11)] == [0, 1, 2, 4, 8, 16, 32]
    assert [subject.wait_s(failed) for failed in (14, 15, 16, 10_000)] == [512, 900, 900, 900]


def test_an_address_of_ipv6_stands_for_its_network() -> None:
    home = lockout.of_network("2001:db8::1")
    assert lockout.of_network("2001:db8::ffff:2") == home
    assert lockout.of_network("2001:db8:0:1::1") != home
    assert lockout.of_network(HOME) != lockout.of_network("192.0.2.2")


@on_sqlite
@pytest.mark.parametrize("email", [ANN, "nobody@example.com"])
async def test_five_failures_in_a_row_cost_a_wait_whoever_it_is(house: House, email: str) -> None:
    assert [await house.outcome("wrong", email=email) for _ in range(5)] == [401] * 5
    assert await house.wait_s(email=f" {email.upper()}") == 1
    house.now_ms += SECOND
    assert await house.outcome("wrong", email=email) == 401
    assert await house.wait_s(email=email) == 2, "also for a right password"
    assert await house.outcome(email=email, address="198.51.100.1") == 429, "from wherever"
    house.now_ms += 2 * SECOND
    assert await house.outcome(email=email) == (200 if email == ANN else 401)
    assert await house.rows(FailedLogin) == (1 if email == ANN else 2), "a success clears the address's count alone"


async def test_of_many_at_once_few_are_looked_at_beyond_the_count(house: House) -> None:
    outcomes = await asyncio.gather(*(house.outcome("wrong") for _ in range(12)))
    tried = outcomes.count(401)
    assert 5 <= tried <= 8, "four are under way when the fifth is counted"
    assert outcomes.count(429) == 12 - tried
    async with house.database.read() as session:
        counted = await session.scalar(
            select(FailedLogin.failed).where(FailedLogin.who_hash == lockout.of_email(ANN).who_hash)
        )
    assert counted == tried


@on_sqlite
async def test_a_network_is_given_more_and_counts_whoever_is_tried(house: House) -> None:
    network = lockout.of_network(HOME)
    await house.fails(network, network.free)
    assert await house.wait_s() == 1
    assert await house.outcome(address="192.0.2.2") == 200
    house.now_ms += SECOND
    assert await house.outcome() == 200


@on_sqlite
async def test_failures_of_another_day_are_not_in_a_row(house: House) -> None:
    await house.fails(lockout.of_email(ANN), 40)
    assert await house.wait_s() == lockout.MAX_WAIT_S
    house.now_ms += lockout.FORGET_MS
    assert [await house.outcome("wrong") for _ in range(5)] == [401] * 5


@on_sqlite
async def test_a_link_leads_around_the_waiting(house: House) -> None:
    await house.fails(lockout.of_email(ANN), 40)
    async with house.database.write() as session:
        ann = await service.known_user(session, ANN)
        link = await reset.make_link(session, ann, "https://sun.example", life_s=60, now_ms=house.now_ms)
    token = link.url.partition("?token=")[2]
    await reset.confirm(house.database, house.tokens, house.gate, token, "battery staple", now_ms=house.clock)
    assert await house.outcome("battery staple") == 200


async def test_a_flood_is_sent_away_at_the_gate() -> None:
    gate = Gate(width=1, queue=1)

    async def pass_when(open_: asyncio.Event) -> None:
        async with gate.passing():
            await open_.wait()

    leave = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(pass_when(leave))
        await asyncio.sleep(0)
        with pytest.raises(TooManyTriesError):
            await pass_when(leave)
        leave.set()
    await pass_when(leave)


async def test_a_login_is_renewed_with_what_is_good_once(house: House) -> None:
    first, other = await house.log_in(), await house.log_in()
    second = await house.renew(first)
    assert second.refresh != first.refresh
    assert await house.lives(second)
    with pytest.raises(UnauthenticatedError):
        await house.renew(first)
    assert [await house.lives(login) for login in (first, second, other)] == [False] * 3
    with pytest.raises(UnauthenticatedError):
        await house.renew(second)
    assert await house.lives(await house.renew(other)), "another login goes on"


async def test_of_two_who_renew_at_once_neither_keeps_the_login(house: House) -> None:
    login = await house.log_in()
    outcomes = await asyncio.gather(*(house.renew(login) for _ in range(2)), return_exceptions=True)
    (won,) = [outcome for outcome in outcomes if isinstance(outcome, Login)]
    assert not await house.lives(won)
    with pytest.raises(UnauthenticatedError):
        await house.renew(won)


@on_sqlite
async def test_nothing_renews_what_has_ended(house: House) -> None:
    late, out = await house.log_in(), await house.log_in()
    house.now_ms += 1000 * SECOND
    with pytest.raises(UnauthenticatedError):
        await house.renew(late)
    fresh = await house.log_in()
    async with house.database.write() as session:
        await service.disable_user(session, ANN, now_ms=house.now_ms)
    for login in (out, fresh, Login("", "made up")):
        with pytest.raises(UnauthenticatedError):
            await house.renew(login)
    async with house.database.write() as session:
        ann = await service.known_user(session, ANN)
        await service.set_disabled(session, ann, disabled=False, now_ms=house.now_ms)
    with pytest.raises(UnauthenticatedError):
        await house.renew(fresh)
    assert await house.outcome() == 200


@on_sqlite
async def test_what_is_of_no_more_use_is_forgotten(house: House) -> None:
    await house.log_in()
    await house.fails(lockout.of_email("x@example.com"), 1)
    async with house.database.write() as session:
        ann = await service.known_user(session, ANN)
        await reset.make_link(session, ann, "", life_s=2000, now_ms=house.now_ms)
        await lockout.forget(session, now_ms=house.now_ms + 999 * SECOND)
    tables = (RefreshToken, PasswordReset, FailedLogin)
    assert [await house.rows(table) for table in tables] == [1, 1, 1]
    async with house.database.write() as session:
        await lockout.forget(session, now_ms=house.now_ms + lockout.FORGET_MS)
    assert [await house.rows(table) for table in tables] == [0, 0, 0]


async def test_a_renewal_under_way_does_not_outlive_the_logout(mariadb_url: str) -> None:
    async with opened(mariadb_url) as house:
        login = await house.log_in()

        async def waits() -> bool:
            # This table shows what it showed before to whoever asks again within a tenth of a second.
            await asyncio.sleep(0.2)
            query = text("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state='LOCK WAIT'")
            async with house.database.read() as session:
                return bool(await session.scalar(query))

        async with house.database.write() as session:
            await repository.end_logins(session, (await service.known_user(session, ANN)).id)
            renewing = asyncio.create_task(house.renew(login))
            await eventually(waits)
        with pytest.raises(UnauthenticatedError):
            await renewing
        assert await house.rows(RefreshToken) == 0
