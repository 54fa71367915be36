"""Admin verbs on companies and people."""

from typing import Annotated

import typer

from sunsweep.cli.folder import keep_password
from sunsweep.cli.plainly import plainly
from sunsweep.cli.store import Data, on_database, settings_of
from sunsweep.cli.watch import token_of
from sunsweep.contract.times import iso
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.features.accounts import repository, reset, service
from sunsweep.server.features.accounts.passwords import generate_password
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.settings import ServeSettings

companies = typer.Typer(help="Companies.", no_args_is_help=True)
users = typer.Typer(help="People who log in.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="e-mail address")]
Name = Annotated[str, typer.Argument(help="name of the company")]


@companies.command("add")
def company_add(name: Name, data: Data = None) -> None:
    """Add a company; prints its number."""

    async def work(database: Database) -> int:
        async with database.write() as session:
            return (await service.add_company(session, name, now_ms=wall_clock())).id

    print(f"company {on_database(data, work)}: {name}")


@companies.command("list")
def company_list(data: Data = None) -> None:
    """List the companies."""

    async def work(database: Database) -> None:
        async with database.read() as session:
            for company in await repository.companies(session):
                kept = f"raw data {company.raw_retention_days} days" if company.raw_retention_days else ""
                print(f"{company.id:<6} {company.name:<40} {kept}".rstrip())

    on_database(data, work)


@users.command("add")
def user_add(
    email: Email,
    role: Annotated[Role, typer.Option(help="what the user may do")] = Role.VIEWER,
    company: Annotated[int | None, typer.Option(help="number of the company; none for a platform admin")] = None,
    data: Data = None,
) -> None:
    """Add a user; prints the password once."""
    password = generate_password()

    async def work(database: Database) -> None:
        async with database.write() as session:
            await service.add_user(session, email, role, company_id=company, password=password, now_ms=wall_clock())

    on_database(data, work)
    print(f"{email}  {password}")


@users.command("list")
def user_list(data: Data = None) -> None:
    """List the users."""

    async def work(database: Database) -> None:
        async with database.read() as session:
            for user in await repository.users(session):
                ended = f"disabled since {iso(user.disabled_at)}" if user.disabled_at else ""
                print(f"{user.email:<32} {user.role:<15} {user.company_id or 'platform':<9} {ended}".rstrip())

    on_database(data, work)


@users.command("password")
def user_password(email: Email, data: Data = None) -> None:
    """Set a new password and end the user's logins; prints the password once."""
    password = generate_password()

    async def work(database: Database) -> None:
        async with database.write() as session:
            await service.set_password(session, email, password)

    on_database(data, work)
    print(f"{email}  {password}")
    if data is not None:
        with plainly():
            keep_password(data, email, password)


@users.command("disable")
def user_disable(email: Email, data: Data = None) -> None:
    """Take a user's access away."""

    async def work(database: Database) -> None:
        async with database.write() as session:
            await service.disable_user(session, email, now_ms=wall_clock())

    on_database(data, work)
    print(f"{email} is disabled")


@users.command("enable")
def user_enable(email: Email, data: Data = None) -> None:
    """Give a disabled user access again; the password is the old one."""

    async def work(database: Database) -> None:
        async with database.write() as session:
            user = await service.known_user(session, email)
            await service.set_disabled(session, user, disabled=False, now_ms=wall_clock())

    on_database(data, work)
    print(f"{email} is enabled")


@users.command("reset-link")
def user_reset_link(email: Email, data: Data = None) -> None:
    """Print a link, good for a day, with which the user sets a new password."""
    with plainly():
        settings = settings_of(ServeSettings, data)

    async def work(database: Database) -> str:
        async with database.write() as session:
            user = await service.known_user(session, email)
            base, life_s = settings.link_base, reset.HANDED_S
            return (await reset.make_link(session, user, base, life_s=life_s, now_ms=wall_clock())).url

    print(on_database(data, work))


@users.command("token")
def user_token(email: Email, data: Data = None) -> None:
    """Print an access token."""
    with plainly():
        settings = settings_of(ServeSettings, data)

    async def work(database: Database) -> str:
        return await token_of(settings, database, email)

    print(on_database(data, work))
