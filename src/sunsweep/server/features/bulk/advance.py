"""One step of a bulk run, in one transaction: whoever takes it, no machine is given anything twice."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec import json
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.commands import is_stop_like
from sunsweep.server.db.models import BulkRun, Machine
from sunsweep.server.events import CommandChange
from sunsweep.server.features.bulk import repository
from sunsweep.server.features.bulk.progress import ABORTED, FINISHED, RUNNING, Next, next_step
from sunsweep.server.features.commands.lifecycle import State, change_all
from sunsweep.server.features.commands.many import give_to_many
from sunsweep.server.features.commands.wish import Wish
from sunsweep.server.features.machines.repository import lock_all

AT_ONCE: Final = 200
"""Machines of one transaction; a larger stage is given in several."""


class Step(NamedTuple):
    """What was done, and what viewers and `dispatch` are to be told once it is committed, by the machines' serials."""

    did: Next
    told: list[tuple[str, CommandChange]]
    given: Sequence[str] = ()
    command: str = ""
    """What those were given."""

    @property
    def moved(self) -> bool:
        """Whether the next step may be due at once."""
        return self.did not in (Next.WAIT, Next.END)


NOTHING: Final = Step(Next.END, [])


async def advance(session: AsyncSession, company_id: int, bulk_id: str, *, now_ms: int) -> Step:
    """What comes next for the run, whose row is held meanwhile."""
    run = await repository.by_id(session, company_id, bulk_id, lock=True)
    if run is None or run.ended_at is not None:
        return NOTHING
    tally = (await repository.tallies(session, company_id, [run.id]))[run.id]
    step = next_step(run, tally)
    if step is Next.ABORT:
        words = f"{tally.failures} machines did not do it, and abort_after is {run.abort_after}"
        return Step(step, await abort(session, run, words, now_ms=now_ms))
    if step is Next.CANCEL:
        return Step(step, await _cancel(session, run, now_ms=now_ms))
    if step is Next.END:
        run.state, run.ended_at = FINISHED if run.state == RUNNING else run.state, now_ms
        return Step(step, [])
    if step is Next.WAIT:
        return Step(step, [])
    if step is Next.BEGIN:
        run.stage += 1
    return await _give(session, run, step, now_ms=now_ms)


async def abort(session: AsyncSession, run: BulkRun, why: str, *, now_ms: int) -> list[tuple[str, CommandChange]]:
    """No machine is given anything any more, and what is queued is cancelled, the first of it here; the run is held."""
    run.state, run.reason = ABORTED, why
    return await _cancel(session, run, now_ms=now_ms)


async def _give(session: AsyncSession, run: BulkRun, step: Next, *, now_ms: int) -> Step:
    machines = await repository.next_machines(session, run, limit=AT_ONCE)
    stopped = await _stopped(session, run, machines)
    others = [machine for machine in machines if machine.id not in stopped]
    wish = Wish(run.command, json.decode(run.params), run.expires_in_s)
    by = {"user_id": run.issued_by, "key_id": run.issued_by_key}
    given = await give_to_many(session, others, wish, now_ms=now_ms, **by)
    commands = {machine_id: row.id for machine_id, row in given.rows.items()}
    await repository.settle(session, run.id, commands, stopped | given.refused)
    serials = {machine.id: machine.serial for machine in machines}
    told = [(serials[machine_id], change) for machine_id, changes in given.changes.items() for change in changes]
    return Step(step, told, [serials[machine_id] for machine_id in commands], run.command)


async def _stopped(session: AsyncSession, run: BulkRun, machines: Sequence[Machine]) -> dict[int, str]:
    """Machines that were stopped since the run was drawn up: whoever did it wants them to stand, confirmed or not."""
    if is_stop_like(run.command):
        return {}
    # Held from here on: a stop that comes later is open, and the rules see it.
    held = [machine.id for machine in await lock_all(session, [machine.id for machine in machines])]
    stops = await repository.stopped_since(session, run, held)
    return {machine_id: f"{stop} was given to it meanwhile" for machine_id, stop in stops.items()}


async def _cancel(session: AsyncSession, run: BulkRun, *, now_ms: int) -> list[tuple[str, CommandChange]]:
    held = await repository.queued(session, run, limit=AT_ONCE)
    changed = await change_all(session, held, State.CANCELLED, at_ms=now_ms, reason="its bulk run was aborted")
    serials = await repository.serials(session, run.company_id, {machine_id for machine_id, _ in changed})
    return [(serials[machine_id], change) for machine_id, change in changed]
