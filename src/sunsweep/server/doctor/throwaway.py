"""Machines of companies that are nobody's, made to try the broker's rights, and taken away again whatever happens.

They never say anything that a backend listens to, so that nothing of them is in any history. A doctor that is killed
leaves them behind: their logins end by themselves, and the next doctor takes them away.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.engine import DATABASE_AWAY
from sunsweep.server.doctor import repository
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.words import reason
from sunsweep.server.features.accounts.service import add_company
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.features.machines import service
from sunsweep.server.features.machines.service import Login

LIFE_MS: Final = 600_000
"""A doctor takes a minute; what is older was left behind."""
_TAKE_AWAY_S: Final = 15.0
_COMPANY: Final = "sunsweep doctor"
_NAME: Final = re.compile(f"{_COMPANY} [0-9a-f]{{16}} [12]")
_SERIAL: Final = re.compile("doctor-[0-9a-f]{16}-[123]")


class LeftBehindError(Exception):
    """They could not be taken away; the message says why."""


class Trio(NamedTuple):
    """A machine, another of its company, and one of another company."""

    one: Login
    sibling: Login
    stranger: Login


@asynccontextmanager
async def throwaway_machines(around: Surroundings) -> AsyncIterator[Trio]:
    """In the database; what the broker knows is another question. Raises `LeftBehindError` at its end."""
    await _take_left_behind(around)
    token = secrets.token_hex(8)
    companies = [f"{_COMPANY} {token} {number}" for number in (1, 2)]
    try:
        yield await _make(around, token, companies)
    finally:
        await _to_the_end(_take_away(around, companies))


async def _make(around: Surroundings, token: str, companies: Sequence[str]) -> Trio:
    now_ms = around.now_ms()
    async with around.database.write() as session:
        ours, theirs = [await add_company(session, name, now_ms=now_ms) for name in companies]
        made = []
        for number, company in enumerate((ours, ours, theirs), start=1):
            serial = f"doctor-{token}-{number}"
            machine, login = await service.add(session, company.id, serial, now_ms=now_ms)
            await machines.end_later(session, machine.id, ends_at=now_ms + LIFE_MS)
            made.append(login)
        names = [login.mqtt_username for login in made]
        # No first use is noted, which would be an entry in the log of a company that goes.
        await machines.use(session, await machines.fresh(session, names), now_ms=now_ms)
        await _note(around, session, Action.MACHINE_ADD, companies, names)
    return Trio(*made)


async def _take_away(around: Surroundings, companies: Sequence[str]) -> None:
    try:
        async with asyncio.timeout(_TAKE_AWAY_S), around.database.write() as session:
            await _delete(around, session, companies)
    except DATABASE_AWAY as error:
        raise LeftBehindError(reason(error)) from error


async def _take_left_behind(around: Surroundings) -> None:
    """Of a doctor that was killed: told by names that only a doctor gives, and by an age that none reaches."""
    async with around.database.read() as session:
        found = await repository.companies_named(session, _COMPANY, before_ms=around.now_ms() - LIFE_MS)
    if left := [name for name in found if _NAME.fullmatch(name)]:
        await _take_away(around, left)


async def _delete(around: Surroundings, session: AsyncSession, names: Sequence[str]) -> None:
    """All of them, or nothing; a company in which somebody has made anything else stays, by its foreign keys."""
    theirs = await repository.machines_of(session, names)
    if not theirs or not all(_SERIAL.fullmatch(machine.serial) for machine in theirs):
        return
    usernames = await repository.delete_all(session, names, now_ms=around.now_ms())
    await _note(around, session, Action.MACHINE_DELETE, names, usernames)


async def _note(
    around: Surroundings, session: AsyncSession, action: Action, companies: Sequence[str], usernames: Sequence[str]
) -> None:
    detail = {"why": "sunsweep doctor tries the broker's rights", "companies": companies, "mqtt_usernames": usernames}
    await around.note(session, action, "machines of sunsweep doctor", detail)


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Also when we are cancelled meanwhile."""
    task = asyncio.create_task(work, name="doctor-tidies-up")
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=_TAKE_AWAY_S)
        raise
