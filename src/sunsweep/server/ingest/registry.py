"""Which machine a topic belongs to: looked up in bulk, remembered for a minute."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, func, select, tuple_

from sunsweep.contract.refusal import Reason, Refused
from sunsweep.contract.topics import Channel, parse_machine_topic
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Company, Machine
from sunsweep.server.ingest.messages import MachineRef

REMEMBER_MS: Final = 60_000
DAY_MS: Final = 86_400_000

# What the broker took from a machine before it was archived is its history still; its serial rests for a day.
_OWNERS: Final = (
    select(Machine.id, Machine.company_id, Machine.serial, Company.raw_retention_days, Company.raw_since)
    .join(Company, Company.id == Machine.company_id)
    .where(Machine.archived_at.is_(None) | (Machine.archived_at > bindparam("archived_after")))
    .where(tuple_(Machine.company_id, Machine.serial).in_(bindparam("keys", expanding=True)))
)

Known = tuple[MachineRef, Channel] | Refused


class Registry:
    """Topic -> machine and channel, or the refusal. Refusals are remembered for the batch only."""

    def __init__(self, database: Database, *, retention_days: int, now_ms: Clock) -> None:
        self._database = database
        self._retention_days = retention_days
        self._now_ms = now_ms
        self._known: dict[str, Known] = {}
        self._learnt_at = 0
        self.companies = 0
        """How many have machines, as of the last minute."""

    async def of(self, topics: Sequence[str]) -> list[Known]:
        """What each of the topics says, in their order; what is not known yet is looked up."""
        if abs(self._now_ms() - self._learnt_at) >= REMEMBER_MS:
            self._known.clear()
            self.companies = await self._count_companies()
            self._learnt_at = self._now_ms()
        known = self._known
        # What is new, or was refused before; nearly always there is none, which is seen without a loop of ours.
        if set(map(type, map(known.get, topics))) - {tuple}:
            known.update(await self._look_up({topic for topic in topics if type(known.get(topic)) is not tuple}))
        return [known[topic] for topic in topics]

    async def _count_companies(self) -> int:
        query = select(func.count(Machine.company_id.distinct())).where(Machine.archived_at.is_(None))
        async with self._database.read(within_s=self._database.ingest_within_s) as session:
            return await session.scalar(query) or 0

    async def _look_up(self, topics: set[str]) -> dict[str, Known]:
        found: dict[str, Known] = {}
        wanted = {}
        for topic in topics:
            try:
                wanted[topic] = parse_machine_topic(topic)
            except Refused as refusal:
                found[topic] = refusal
        machines, elsewhere = await self._machines(
            {(parsed.company_id, parsed.machine_id) for parsed in wanted.values()}
        )
        for topic, parsed in wanted.items():
            machine = machines.get((parsed.company_id, parsed.machine_id))
            if machine is not None:
                found[topic] = (machine, parsed.channel)
            elif parsed.machine_id in elsewhere:
                found[topic] = Refused(
                    Reason.WRONG_COMPANY, f"{parsed.machine_id} is not a machine of company {parsed.company_id}"
                )
            else:
                found[topic] = Refused(Reason.UNKNOWN_MACHINE, f"no machine {parsed.machine_id}")
        return found

    async def _machines(self, keys: set[tuple[int, str]]) -> tuple[dict[tuple[int, str], MachineRef], set[str]]:
        if not keys:
            return {}, set()
        named = {"keys": list(keys), "archived_after": self._now_ms() - DAY_MS}
        async with self._database.read(within_s=self._database.ingest_within_s) as session:
            rows = (await session.execute(_OWNERS, named)).all()
            machines = {(row.company_id, row.serial): self._ref(*row) for row in rows}
            missing = {serial for company_id, serial in keys if (company_id, serial) not in machines}
            others = await session.scalars(select(Machine.serial).where(Machine.serial.in_(missing))) if missing else ()
            return machines, set(others)

    def _ref(self, machine_id: int, company_id: int, serial: str, days: int | None, raw_since: int) -> MachineRef:
        promised_ms = min(days or self._retention_days, self._retention_days) * DAY_MS
        # Of what is gone nothing is counted again: where less was kept until now, more is taken from now on only.
        return MachineRef(machine_id, company_id, serial, min(promised_ms, self._now_ms() - raw_since))
