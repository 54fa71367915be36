"""The newest-state rows: which messages are due to move them, and moving them."""

from collections.abc import Iterable, Iterator
from itertools import islice, takewhile
from typing import Final

from msgspec.structs import astuple
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.contract.payloads import Telemetry
from sunsweep.server.clock import Clock
from sunsweep.server.db.models import MachineStatus
from sunsweep.server.db.statements import Statements, Table
from sunsweep.server.events import PresenceChange
from sunsweep.server.features.machines.current import Current, fold
from sunsweep.server.ingest.messages import Accepted, MachineRef

CURRENT: Final = Table("machine_status", ("machine_id",), Current.__struct_fields__)
_CURRENTS: Final = (
    select(*[getattr(MachineStatus, name) for name in Current.__struct_fields__])
    .where(MachineStatus.machine_id.in_(bindparam("machine_ids", expanding=True)))
    .order_by(MachineStatus.machine_id)
    .with_for_update()
)
"""Made once: SQLAlchemy compares one made anew, column by column, with the one that it remembers."""
STATE_EVERY_MS: Final = 1000
MAX_RIPE: Final = 2000
"""Machines whose newest sample is caught up on in one commit; the others come with the next."""
_LONG_AGO_MS: Final = -(2**63)


class Newest:
    """A status moves its machine's row at once, a sample at most once a second: until then the newest one waits."""

    def __init__(self, statements: Statements, *, now_ms: Clock, every_ms: int = STATE_EVERY_MS) -> None:
        self._statements = statements
        self._now_ms = now_ms
        self._every_ms = every_ms
        self._looked_at_ms = 0
        self._hurries = False
        self._folded_at: dict[int, int] = {}
        """When a machine's row was moved last, the longest ago first; of all that were moved less than a second ago."""
        self._deferred: dict[int, Accepted] = {}

    @property
    def owes(self) -> bool:
        """Whether samples wait for their second to pass."""
        return bool(self._deferred)

    @property
    def deferred(self) -> int:
        """How many samples wait for their second to pass."""
        return len(self._deferred)

    def hurry(self) -> None:
        """Their second is over: samples that wait are due with the next commit."""
        self._hurries = True

    def due(self, accepted: list[Accepted]) -> tuple[list[Accepted], dict[int, Accepted]]:
        """What to fold now, and what waits afterwards beside or instead of what does already, by machine."""
        now_ms = self._look()
        deferred, folded_at, every_ms = self._deferred, self._folded_at, self._every_ms
        later: dict[int, Accepted] = {}
        urgent = {item.machine.id for item in accepted if type(item.body) is not Telemetry}
        due: list[Accepted] = []
        for item in accepted:
            machine_id = item.machine.id
            if machine_id in urgent or now_ms - folded_at.get(machine_id, _LONG_AGO_MS) >= every_ms:
                due.append(item)
            else:
                kept = later.get(machine_id) or deferred.get(machine_id)
                if kept is None or kept.order_ms <= item.order_ms:
                    later[machine_id] = item
        moved = {item.machine.id for item in due}
        ripe = [machine_id for machine_id in moved if machine_id in deferred]
        rested = (machine_id for machine_id in self._rested(now_ms) if machine_id not in moved)
        ripe += islice(rested, max(0, MAX_RIPE - len(ripe)))
        return [deferred[machine_id] for machine_id in ripe] + due, later

    async def fold(
        self, connection: AsyncConnection, due: Iterable[Accepted]
    ) -> tuple[list[PresenceChange], list[Accepted]]:
        """Bring the machines' rows up to date; also names the statuses that are changes."""
        by_machine: dict[MachineRef, list[Accepted]] = {}
        for item in due:
            by_machine.setdefault(item.machine, []).append(item)
        currents = await self._currents(connection, sorted(machine.id for machine in by_machine))
        presence, changes = [], []
        for machine, items in by_machine.items():
            current = currents[machine.id]
            before = (current.presence, current.presence_since)
            changes += [
                item
                for item in items
                if fold(current, item.body, item.order_ms, item.message.received_ms).changed or item.body.stamp.numbered
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
        await self._statements.upsert(connection, CURRENT, [astuple(c) for c in currents.values()])
        return presence, changes

    def settle(self, folded: Iterable[Accepted], later: dict[int, Accepted]) -> None:
        """The commit has gone through."""
        deferred, folded_at, looked_at_ms = self._deferred, self._folded_at, self._looked_at_ms
        for item in folded:
            machine_id = item.machine.id
            deferred.pop(machine_id, None)
            folded_at.pop(machine_id, None)
            folded_at[machine_id] = looked_at_ms
        deferred.update(later)

    def _look(self) -> int:
        """What time it is. In a hurry, and where the clock has stepped back, everybody's second is over."""
        now_ms = self._now_ms()
        if self._hurries or now_ms < self._looked_at_ms:
            self._folded_at = dict.fromkeys(self._deferred, _LONG_AGO_MS)
            self._hurries = False
        self._looked_at_ms = now_ms
        return now_ms

    def _rested(self, now_ms: int) -> Iterator[int]:
        """The machines of samples whose second has passed; those of which nothing waits are forgotten."""
        at_rest = takewhile(lambda moved: now_ms - moved[1] >= self._every_ms, self._folded_at.items())
        for machine_id, _ in list(at_rest):
            if machine_id in self._deferred:
                yield machine_id
            else:
                del self._folded_at[machine_id]

    async def _currents(self, connection: AsyncConnection, machine_ids: list[int]) -> dict[int, Current]:
        if not machine_ids:
            return {}
        of_these = {"machine_ids": machine_ids}
        rows = (await connection.execute(_CURRENTS, of_these)).all()
        if new := set(machine_ids) - {row[0] for row in rows}:
            # A row that is not there cannot be locked, and another worker may be about to make it.
            await self._statements.insert_new(connection, CURRENT, [astuple(Current(machine_id)) for machine_id in new])
            rows = (await connection.execute(_CURRENTS, of_these)).all()
        return {row[0]: Current(*row) for row in rows}
