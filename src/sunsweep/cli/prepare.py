"""`sunsweep prepare`: what has to stand in the database before anything else starts; run again, it changes nothing."""

import asyncio
import logging
from typing import Annotated

import typer
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from sunsweep.cli import audit
from sunsweep.cli.plainly import fail, plainly
from sunsweep.cli.service_accounts import SHORTEST
from sunsweep.server.broker.accounts import has_account, set_account
from sunsweep.server.db.administer import let_broker_read, make_home, wait_for
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.settings import PrepareSettings, Role


def prepare(
    within: Annotated[float, typer.Option(min=0, help="seconds to wait for the database")] = 60,
) -> None:
    """Wait for the database, migrate it, and make the logins that the backend and EMQX need."""
    # What `IF NOT EXISTS` has found comes as a warning, which reads like a failure: "Can't create database".
    logging.getLogger("asyncmy").setLevel(logging.ERROR)
    with plainly():
        settings = PrepareSettings()
        password = settings.mqtt_password.get_secret_value()
        if len(password) < SHORTEST:
            raise fail(f"SUNSWEEP_MQTT_PASSWORD: a password here has at least {SHORTEST} characters")
        asyncio.run(_prepare(settings, password, within))


async def _prepare(settings: PrepareSettings, password: str, within_s: float) -> None:
    if settings.admin_database_url is None:
        await _fill(settings.database_url, settings.mqtt_username, password, within_s)
        return
    admin = Database(settings.admin_database_url.get_secret_value())
    try:
        await wait_for(admin, within_s=within_s)
        address = make_url(settings.database_url)
        await make_home(admin, address)
        print(f"database {address.database}: there, and {address.username}'s")
        await _fill(settings.database_url, settings.mqtt_username, password, within_s)
        await _broker(admin, str(address.database), settings.mqtt_database_user, settings.mqtt_database_password)
    finally:
        await admin.close()


async def _fill(url: str, username: str, password: str, within_s: float) -> None:
    """The schema, and the backend's login at the broker."""
    database = Database(url)
    try:
        await wait_for(database, within_s=within_s)
        await upgrade(database)
        print("schema: up to date")
        async with database.write() as session:
            fits = await has_account(session, username, password)
            if not fits:
                await set_account(session, username, password)
                told = {"roles": sorted(Role)}
                await audit.record(session, Action.ACCOUNT_SET, f"account {username}", company_id=None, detail=told)
        print(f"login {username} at the broker: {'as it was' if fits else 'made anew'}")
    finally:
        await database.close()


async def _broker(admin: Database, name: str, user: str, password: SecretStr | None) -> None:
    """The views exist by now."""
    if password is not None:
        await let_broker_read(admin, name, user, password.get_secret_value())
        print(f"user {user} of the database: reads the broker's two views")
