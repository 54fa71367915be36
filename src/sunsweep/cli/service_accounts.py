"""Admin verbs on the backend's own logins at the broker."""

from pathlib import Path
from typing import Annotated

import typer

from sunsweep.cli import audit
from sunsweep.cli.plainly import fail, plainly
from sunsweep.cli.store import Data, on_database
from sunsweep.mqtt.passwords import generate_password
from sunsweep.server.broker.accounts import set_account
from sunsweep.server.broker.rules import rules_of
from sunsweep.server.db.engine import Database
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.settings import Role

service_accounts = typer.Typer(help="The backend's own logins at the broker.", no_args_is_help=True)

SHORTEST = 16


@service_accounts.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="username, SUNSWEEP_MQTT_USERNAME of the processes that use it")],
    role: Annotated[list[Role], typer.Option(help="what its processes do; may be given several times")],
    password_file: Annotated[
        Path | None, typer.Option(help="file that holds its password; default: one is drawn and printed once")
    ] = None,
    data: Data = None,
) -> None:
    """Make a login with just the topics that its roles need, or replace it."""
    with plainly():
        password = generate_password() if password_file is None else _read(password_file)

    async def work(database: Database) -> None:
        async with database.write() as session:
            await set_account(session, name, password, rules_of(role))
            told = {"roles": sorted(role)}
            await audit.record(session, Action.ACCOUNT_SET, f"account {name}", company_id=None, detail=told)

    on_database(data, work)
    print(f"{name} may do what {', '.join(role)} needs")
    if password_file is None:
        print(f"password, shown this once: {password}")


def _read(file: Path) -> str:
    """Guessing goes fast at the broker: what protects this password is its length alone."""
    password = file.read_text().strip()
    if len(password) < SHORTEST:
        raise fail(f"{file}: a password here has at least {SHORTEST} characters")
    return password
