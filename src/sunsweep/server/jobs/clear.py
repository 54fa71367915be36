"""Clears what the broker retains on the topics of machines that have ended.

Nobody else may publish there. So whoever clears has a login of its own for it, with just these machines' topics, made
for the moment and ended with it.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog

from sunsweep.contract.topics import machine_rule
from sunsweep.mqtt.passwords import generate_password
from sunsweep.mqtt.port import MqttError
from sunsweep.mqtt.retained import QUIET_S, clear_retained
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server.broker import clearing
from sunsweep.server.broker.accounts import remove_accounts, set_account
from sunsweep.server.broker.clearing import Ended
from sunsweep.server.broker.logins import wait_applied
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database

log = structlog.get_logger(__name__)

EVERY_S: Final = 1.0
AT_ONCE: Final = 100
_PREFIX: Final = "clearing-"


class Clearing:
    """One look a second; what fails is tried again with the next."""

    def __init__(
        self, database: Database, connection: ConnectionSettings, *, now_ms: Clock, quiet_s: float = QUIET_S
    ) -> None:
        self._database = database
        self._connection = connection
        self._now_ms = now_ms
        self._quiet_s = quiet_s

    async def look(self) -> None:
        async with self._database.read() as session:
            ended = await clearing.waiting(session, limit=AT_ONCE, now_ms=self._now_ms())
        if not ended:
            return
        try:
            await self._clear(ended)
        except (MqttError, OSError) as error:
            log.warning("what is retained could not be cleared; trying again", error=str(error) or type(error).__name__)

    async def _clear(self, ended: Sequence[Ended]) -> None:
        filters = [machine_rule(machine.company_id, machine.serial) for machine in ended]
        username, password = f"{_PREFIX}{secrets.token_hex(8)}", generate_password()
        async with self._database.write() as session:
            # One that a kill has left behind goes first.
            await remove_accounts(session, _PREFIX)
            await set_account(session, username, password, tuple(("all", name) for name in filters))
        try:
            await wait_applied(self._database, now_ms=self._now_ms)
            login = replace(self._connection, client_id=username, username=username, password=password)
            topics = await clear_retained(login, filters, quiet_s=self._quiet_s)
        finally:
            async with self._database.write() as session:
                await remove_accounts(session, _PREFIX)
        async with self._database.write() as session:
            await clearing.done(session, [machine.machine_id for machine in ended])
        log.info("retained messages are cleared", machines=len(ended), topics=len(topics))
