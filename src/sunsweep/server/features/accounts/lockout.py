"""How long who failed to log in has to wait: by e-mail address, known or not, and by network, more generously.

The waiting has an end, and a link that sets a new password leads around it: nobody can lock a person out for good.
"""

import math
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import FailedLogin
from sunsweep.server.errors import TooManyTriesError
from sunsweep.server.features.accounts import login_repository as repository
from sunsweep.server.features.accounts.networks import network_of
from sunsweep.server.features.accounts.opaque import digest

MAX_WAIT_S: Final = 900
FORGET_MS: Final = 86_400_000
"""Failures are in a row as long as no day lies between them."""


class Subject(NamedTuple):
    """Whose failures are counted; after `free` of them each costs a wait, twice as long as the one before."""

    who_hash: str
    free: int

    def wait_s(self, failed: int) -> int:
        """After so many failures in a row."""
        return 0 if failed < self.free else min(MAX_WAIT_S, 2 ** min(failed - self.free, 10))


def of_email(email: str) -> Subject:
    return Subject(digest(f"email:{email.strip().lower()}"), 5)


def of_network(address: str) -> Subject:
    """An office shares one."""
    return Subject(digest(f"network:{network_of(address)}"), 100)


def of_reset(email: str) -> Subject:
    """Asking for a link: nobody's inbox is to be flooded."""
    return Subject(digest(f"reset:{email.strip().lower()}"), 3)


def of_reset_network(address: str) -> Subject:
    return Subject(digest(f"reset-network:{network_of(address)}"), 30)


async def require_free(database: Database, subjects: Collection[Subject], *, now_ms: int) -> None:
    """Raises `TooManyTriesError`, which says when to come again."""
    async with database.read() as session:
        until = await repository.blocked_until(session, {subject.who_hash for subject in subjects})
    _refuse_until(until, now_ms=now_ms)


def _refuse_until(until: int, *, now_ms: int) -> None:
    if until > now_ms:
        wait_s = math.ceil((until - now_ms) / 1000)
        raise TooManyTriesError("too many logins have failed; wait a little", retry_after_s=wait_s)


async def count(database: Database, subjects: Collection[Subject], *, now_ms: int) -> None:
    """One more failure of each."""
    async with database.write() as session:
        await _count(session, subjects, await _locked(session, subjects, now_ms=now_ms), now_ms=now_ms)


async def take(database: Database, subjects: Collection[Subject], *, now_ms: int) -> None:
    """One more try of each, as if it had failed; of many at once no more pass than of one after the other.

    Raises `TooManyTriesError`, and then counts none.
    """
    async with database.write() as session:
        rows = await _locked(session, subjects, now_ms=now_ms)
        _refuse_until(max(row.blocked_until for row in rows), now_ms=now_ms)
        await _count(session, subjects, rows, now_ms=now_ms)


async def _locked(session: AsyncSession, subjects: Collection[Subject], *, now_ms: int) -> Sequence[FailedLogin]:
    return await repository.lock_failures(session, {subject.who_hash for subject in subjects}, now_ms=now_ms)


async def _count(
    session: AsyncSession, subjects: Collection[Subject], rows: Collection[FailedLogin], *, now_ms: int
) -> None:
    known = {subject.who_hash: subject for subject in subjects}
    for row in rows:
        failed = row.failed + 1 if row.last_at > now_ms - FORGET_MS else 1
        blocked_until = now_ms + known[row.who_hash].wait_s(failed) * 1000
        await repository.set_failures(session, row.who_hash, failed, at=now_ms, blocked_until=blocked_until)


async def clear(session: AsyncSession, subject: Subject) -> None:
    """The row of failures has ended."""
    await repository.delete_failures(session, subject.who_hash)


async def forget(session: AsyncSession, *, now_ms: int) -> None:
    """What no login, link or failure needs any more."""
    await repository.forget(session, now_ms=now_ms, failed_before_ms=now_ms - FORGET_MS)
