"""One batch, one transaction: history, state, results and dead letters together."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.contract.codec import encode_object
from sunsweep.contract.payloads import Result, Status, Telemetry
from sunsweep.contract.refusal import Reason
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import MachineStatus
from sunsweep.server.db.statements import HISTORY_KEY, Row, Statements, Table
from sunsweep.server.events import CommandChange, PresenceChange
from sunsweep.server.features.commands.lifecycle import heard_result
from sunsweep.server.features.machines.current import Current, fold
from sunsweep.server.ingest.messages import Accepted, Decoded, MachineRef, Rejected
from sunsweep.server.ingest.reject import DEAD_LETTERS, dead_letter

TELEMETRY: Final = Table(
    "telemetry",
    HISTORY_KEY,
    (*HISTORY_KEY, "battery", "solar_v", "solar_a", "water", "extra", "flags", "received_at"),
)
STATUS_EVENTS: Final = Table(
    "status_event",
    HISTORY_KEY,
    (*HISTORY_KEY, "status", "energy", "water", "area", "extra", "flags", "received_at"),
)
RESULTS: Final = Table("command_result", HISTORY_KEY, (*HISTORY_KEY, "command_id", "state", "detail", "received_at"))
CURRENT: Final = Table("machine_status", ("machine_id",), Current.__struct_fields__)

FLAG_MISTYPED: Final = 1
STATE_EVERY_MS: Final = 1000
MAX_RIPE: Final = 2000
"""Machines whose newest sample is caught up on in one commit; the others come with the next."""

_VALUE_ERRORS: Final = frozenset({1264, 1366, 1406})
"""MySQL: out of range, incorrect value, too long. Nothing else may reject a row."""


class StoreAwayError(Exception):
    """The database takes nothing now: keep everything, acknowledge nothing, come back."""


class Committed(NamedTuple):
    """What a commit brought: each message's outcome, and the news for viewers."""

    outcome: list[Decoded]
    presence: list[PresenceChange]
    commands: list[tuple[MachineRef, CommandChange]]


class Store:
    """The ingest's only place that commits."""

    def __init__(self, database: Database, *, now_ms: Clock) -> None:
        self._database = database
        self._statements = Statements(is_sqlite=database.is_sqlite)
        self._now_ms = now_ms
        self._folded_at: dict[int, int] = {}
        self._deferred: dict[int, Accepted] = {}

    @property
    def owes(self) -> bool:
        """Whether newest samples wait for their second to pass."""
        return bool(self._deferred)

    def hurry(self) -> None:
        """Their second is over: newest samples that wait are due with the next commit."""
        self._folded_at.clear()

    async def commit(self, batch: Sequence[Decoded]) -> Committed:
        """Store a batch; a value that the database refuses costs one dead letter. Raises `StoreAwayError`."""
        try:
            return await self._commit_once(batch)
        except DBAPIError as error:
            if not _is_value_error(error):
                raise StoreAwayError(str(error.orig)) from error
            if len(batch) == 1:
                return await self._reject_alone(batch[0], error)
        except OSError as error:
            raise StoreAwayError(str(error)) from error
        half = len(batch) // 2
        first, second = await self.commit(batch[:half]), await self.commit(batch[half:])
        return Committed(
            first.outcome + second.outcome, first.presence + second.presence, first.commands + second.commands
        )

    async def _reject_alone(self, item: Decoded, error: DBAPIError) -> Committed:
        if isinstance(item, Rejected):
            raise StoreAwayError(f"a dead letter was refused: {error.orig}") from error
        stamp = item.body.stamp
        numbered = (stamp.boot, stamp.seq) if stamp.numbered else None
        return await self.commit([Rejected(item.message, item.machine, Reason.BAD_VALUE, str(error.orig), numbered)])

    async def _commit_once(self, batch: Sequence[Decoded]) -> Committed:
        accepted = [item for item in batch if isinstance(item, Accepted)]
        to_fold, later = self._due(accepted)
        async with self._database.transaction() as connection:
            insert = self._statements.insert_new
            await insert(
                connection, TELEMETRY, [_telemetry(a, a.body) for a in accepted if isinstance(a.body, Telemetry)]
            )
            presence, changes = await self._fold(connection, to_fold)
            await insert(connection, STATUS_EVENTS, [_status(a, a.body) for a in changes if isinstance(a.body, Status)])
            results = [(a, a.body) for a in accepted if isinstance(a.body, Result)]
            await insert(connection, RESULTS, [_result(a, body) for a, body in results])
            commands = [
                (a.machine, change)
                for a, body in results
                if (change := await heard_result(connection, a.machine.id, body, at_ms=self._now_ms())) is not None
            ]
            await insert(connection, DEAD_LETTERS, [dead_letter(item) for item in batch if isinstance(item, Rejected)])
        self._settle(to_fold, later)
        return Committed(list(batch), presence, commands)

    async def _fold(
        self, connection: AsyncConnection, accepted: Iterable[Accepted]
    ) -> tuple[list[PresenceChange], list[Accepted]]:
        """Bring the machines' current rows up to date; also names the statuses that are changes."""
        by_machine: dict[MachineRef, list[Accepted]] = {}
        for item in accepted:
            by_machine.setdefault(item.machine, []).append(item)
        currents = await self._currents(connection, sorted(machine.id for machine in by_machine))
        presence, changes = [], []
        for machine, items in by_machine.items():
            current = currents[machine.id]
            before = (current.presence, current.presence_since)
            changes += [
                item for item in items if fold(current, item.body, item.order_ms).changed or item.body.stamp.numbered
            ]
            if (current.presence, current.presence_since) != before:
                presence.append(
                    PresenceChange(
                        machine.company_id,
                        machine.serial,
                        current.presence,
                        current.presence_since,
                        current.presence_cause,
                    )
                )
        await self._statements.upsert(connection, CURRENT, [msgspec.structs.astuple(c) for c in currents.values()])
        return presence, changes

    async def _currents(self, connection: AsyncConnection, machine_ids: list[int]) -> dict[int, Current]:
        if not machine_ids:
            return {}
        columns = [getattr(MachineStatus, name) for name in Current.__struct_fields__]
        query = select(*columns).where(MachineStatus.machine_id.in_(machine_ids)).order_by(MachineStatus.machine_id)
        rows = (await connection.execute(query.with_for_update())).all()
        return {machine_id: Current(machine_id) for machine_id in machine_ids} | {row[0]: Current(*row) for row in rows}

    def _due(self, accepted: list[Accepted]) -> tuple[list[Accepted], dict[int, Accepted]]:
        """What to fold now, and the newest samples whose machine was folded less than a second ago."""
        now_ms = self._now_ms()
        later = dict(self._deferred)
        urgent = {item.machine.id for item in accepted if not isinstance(item.body, Telemetry)}
        due: list[Accepted] = []
        for item in accepted:
            machine_id = item.machine.id
            if machine_id in urgent or self._rested(machine_id, now_ms):
                due.append(item)
            elif (kept := later.get(machine_id)) is None or kept.order_ms <= item.order_ms:
                later[machine_id] = item
        folded = {item.machine.id for item in due}
        ripe = [machine_id for machine_id in later if machine_id in folded or self._rested(machine_id, now_ms)]
        ripe.sort(key=lambda machine_id: machine_id not in folded)
        return [later.pop(machine_id) for machine_id in ripe[:MAX_RIPE]] + due, later

    def _rested(self, machine_id: int, now_ms: int) -> bool:
        """Whether its second has passed, or the clock has stepped back."""
        return not 0 <= now_ms - self._folded_at.get(machine_id, 0) < STATE_EVERY_MS

    def _settle(self, folded: Iterable[Accepted], later: dict[int, Accepted]) -> None:
        now_ms = self._now_ms()
        for item in folded:
            self._folded_at[item.machine.id] = now_ms
        self._deferred = later


def _flags(body: Telemetry | Status) -> int:
    return FLAG_MISTYPED if body.mistyped else 0


def _text(value: dict[str, object]) -> str | None:
    return encode_object(value).decode() if value else None


def _key(item: Accepted) -> tuple[int, int, int, int]:
    return item.machine.id, item.ts_ms, item.body.stamp.boot, item.seq


def _telemetry(item: Accepted, body: Telemetry) -> Row:
    return (
        *_key(item),
        body.battery,
        body.solar_v,
        body.solar_a,
        body.water,
        _text(body.extra),
        _flags(body),
        item.message.received_ms,
    )


def _status(item: Accepted, body: Status) -> Row:
    return (
        *_key(item),
        body.status,
        body.energy,
        body.water,
        body.area,
        _text(body.extra),
        _flags(body),
        item.message.received_ms,
    )


def _result(item: Accepted, body: Result) -> Row:
    return (*_key(item), body.id, str(body.state), encode_object(body.detail).decode(), item.message.received_ms)


def _is_value_error(error: DBAPIError) -> bool:
    arguments: tuple[object, ...] = getattr(error.orig, "args", ())
    return bool(arguments) and arguments[0] in _VALUE_ERRORS
