"""The demo company: its people, its machines, made at the first start and kept."""

from typing import Final

from msgspec import convert, json, to_builtins

from sunsweep.cli.folder import Folder, write_secret
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.features.accounts import repository, service
from sunsweep.server.features.accounts.passwords import generate_password
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.machines import repository as machine_repository
from sunsweep.server.features.machines import service as machine_service
from sunsweep.server.features.machines.service import Login
from sunsweep.sim.field import lay_out
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


async def people(database: Database, folder: Folder) -> dict[str, str]:
    """The demo users' passwords by e-mail address; makes company and users where they are missing."""
    known = folder.read(folder.logins)
    async with database.write() as session:
        if await repository.company_by_id(session, COMPANY_ID) is None:
            await service.add_company(session, COMPANY, now_ms=wall_clock())
        for email, role in PEOPLE:
            if await repository.user_by_email(session, email) is None:
                known[email] = generate_password()
                company_id = None if role is Role.PLATFORM_ADMIN else COMPANY_ID
                await service.add_user(
                    session, email, role, company_id=company_id, password=known[email], now_ms=wall_clock()
                )
    write_secret(folder.logins, known)
    return known


async def machines(database: Database, folder: Folder, wanted: int) -> list[Login]:
    """The logins of the first `wanted` simulated machines; makes those that are missing."""
    kept = json.decode(folder.machines.read_bytes()) if folder.machines.exists() else []
    logins = {login.machine_id: login for login in convert(kept, list[Login])}
    places = lay_out(wanted, seed=SEED, site=Site())
    async with database.write() as session:
        for number, place in enumerate(places, start=1):
            name = serial(number)
            if name in logins or await machine_repository.machine(session, COMPANY_ID, name) is not None:
                continue
            _, logins[name] = await machine_service.add(
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
    write_secret(folder.machines, to_builtins(list(logins.values())))
    return [login for number in range(1, wanted + 1) if (login := logins.get(serial(number))) is not None]
