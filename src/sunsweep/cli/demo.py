"""The demo company: its people, its machines, made at the first start and kept.

What a file keeps is written before the database commits: a kill in between leaves a password too many, never one too
few.
"""

from typing import Final

from msgspec import to_builtins
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.cli.audit import record
from sunsweep.cli.folder import Folder, read, write_secret
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.errors import ConflictError
from sunsweep.server.features.accounts import repository, service
from sunsweep.server.features.accounts.passwords import generate_password
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.features.machines import repository as machine_repository
from sunsweep.server.features.machines import service as machine_service
from sunsweep.server.features.machines.service import Login
from sunsweep.sim.field import Place, lay_out
from sunsweep.sim.site import Site

COMPANY_ID: Final = 1
COMPANY: Final = "Demo Solar"
SEED: Final = 1
PEOPLE: Final = (
    ("root@example.com", Role.PLATFORM_ADMIN),
    ("admin@example.com", Role.ADMIN),
    ("operator@example.com", Role.OPERATOR),
    ("viewer@example.com", Role.VIEWER),
)


def serial(number: int) -> str:
    return f"SUN-{number:04d}"


async def people(database: Database, folder: Folder) -> dict[str, str | None]:
    """The demo users' passwords by e-mail address, None where lost; makes company and users where they are missing."""
    known = read(folder.logins, dict[str, str]) or {}
    async with database.write() as session:
        if await repository.company_by_id(session, COMPANY_ID) is None:
            company = await service.add_company(session, COMPANY, now_ms=wall_clock())
            await record(session, Action.COMPANY_ADD, f"company {company.id}", company_id=company.id)
        for email, role in PEOPLE:
            if await repository.user_by_email(session, email) is None:
                known[email] = await _new_person(session, email, role)
        write_secret(folder.logins, known)
    return {email: known.get(email) for email, _ in PEOPLE}


async def _new_person(session: AsyncSession, email: str, role: Role) -> str:
    password = generate_password()
    company_id = None if role is Role.PLATFORM_ADMIN else COMPANY_ID
    await service.add_user(session, email, role, company_id=company_id, password=password, now_ms=wall_clock())
    await record(session, Action.USER_ADD, f"user {email}", company_id=company_id, detail={"role": str(role)})
    return password


async def machines(database: Database, folder: Folder, wanted: int) -> list[Login]:
    """The logins of the first `wanted` simulated machines; makes those that are missing."""
    logins = {login.machine_id: login for login in read(folder.machines, list[Login]) or ()}
    shown = []
    async with database.write() as session:
        for number, place in enumerate(lay_out(wanted, seed=SEED, site=Site()), start=1):
            login = await _login(session, serial(number), place, logins.get(serial(number)))
            if login is not None:
                logins[login.machine_id] = login
                shown.append(login)
        write_secret(folder.machines, to_builtins(list(logins.values())))
    return shown


async def _login(session: AsyncSession, name: str, place: Place, kept: Login | None) -> Login | None:
    """The kept login where it is still good, else a new one; None where somebody took the machine away."""
    machine = await machine_repository.machine(session, COMPANY_ID, name)
    if machine is None:
        return await _new_machine(session, name, place)
    if kept is not None and await machine_repository.has_login(session, machine.id, kept.mqtt_username):
        return kept
    login = await machine_service.rotate(session, machine, now_ms=wall_clock())
    await _record(session, Action.MACHINE_ROTATE, login)
    return login


async def _new_machine(session: AsyncSession, name: str, place: Place) -> Login | None:
    try:
        _, login = await machine_service.add(
            session,
            COMPANY_ID,
            name,
            now_ms=wall_clock(),
            name=f"Row {place.row}",
            model="simulated",
            lat=place.lat,
            lon=place.lon,
            expected_interval_s=30,
        )
    except ConflictError:  # archived less than a day ago
        return None
    await _record(session, Action.MACHINE_ADD, login)
    return login


async def _record(session: AsyncSession, action: Action, login: Login) -> None:
    told = {"mqtt_username": login.mqtt_username}
    await record(session, action, f"machine {login.machine_id}", company_id=login.company_id, detail=told)
