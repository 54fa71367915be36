"""Writes orders: by the rules, with what makes way for them, for any number of machines in the same few statements."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.codec import encode_object
from sunsweep.contract.commands import STOP_RANK, is_stop_like
from sunsweep.contract.ids import next_uuid7
from sunsweep.server.db.models import CommandRow, Machine
from sunsweep.server.errors import InvalidError, MachineDisabledError, SunsweepError
from sunsweep.server.events import CommandChange
from sunsweep.server.features.catalogue import service as catalogue
from sunsweep.server.features.catalogue.service import Kind
from sunsweep.server.features.commands import repository, rules, standing_repository
from sunsweep.server.features.commands.lifecycle import Changed, Held, State, change_all, let_go, note_all
from sunsweep.server.features.commands.standing_repository import Last
from sunsweep.server.features.commands.standings import standings_and_last
from sunsweep.server.features.commands.wish import Giver, Wish

DEFAULT_EXPIRY_S: Final = 1800


class Outcome(NamedTuple):
    """By machine id: the commands that were written, why others were not, and all that is new for viewers."""

    rows: dict[int, CommandRow]
    refused: dict[int, SunsweepError]
    changes: dict[int, list[CommandChange]]


async def give_all(
    session: AsyncSession, machines: Sequence[Machine], wish: Wish, giver: Giver, *, now_ms: int
) -> Outcome:
    """The machines' rows are locked by the caller, so that ids are in the order of the commands.

    What the rules refuse stands in the outcome; what the wish says was checked (`wish.check`).
    """
    if not machines:
        return Outcome({}, {}, {})
    refused, last = await _refusals(session, machines, wish, giver)
    taken = [machine for machine in machines if machine.id not in refused]
    if not taken:
        return Outcome({}, refused, {})
    changed = await _make_way(session, [machine.id for machine in taken], wish.command, now_ms=now_ms)
    rows = await _write(session, taken, last, wish, giver, now_ms=now_ms)
    changes: dict[int, list[CommandChange]] = {machine_id: [] for machine_id in rows}
    for machine_id, one in changed:
        changes[machine_id].append(one)
    for machine_id, row in rows.items():
        changes[machine_id].append(CommandChange(row.id, State.QUEUED, "", now_ms))
    return Outcome(rows, refused, changes)


async def refusals(
    session: AsyncSession, machines: Sequence[Machine], wish: Wish, giver: Giver
) -> dict[int, SunsweepError]:
    """Which of these machines would be given nothing now, and why; by machine id."""
    return (await _refusals(session, machines, wish, giver))[0] if machines else {}


async def _refusals(
    session: AsyncSession, machines: Sequence[Machine], wish: Wish, giver: Giver
) -> tuple[dict[int, SunsweepError], dict[int, Last]]:
    standings, last = await standings_and_last(session, [machine.id for machine in machines])
    unfit = await _unfit(session, machines, wish)
    refused: dict[int, SunsweepError] = {}
    for machine in machines:
        error = unfit.get((machine.company_id, machine.model)) or _disabled(machine)
        error = error or rules.objection(wish.command, standings[machine.id], by_person=giver.is_person)
        if error is not None:
            refused[machine.id] = error
    return refused, last


async def _unfit(session: AsyncSession, machines: Sequence[Machine], wish: Wish) -> dict[Kind, InvalidError]:
    """What the catalogue says against the wish, by kind of machine."""
    found = {}
    for kind in sorted({(machine.company_id, machine.model) for machine in machines}):
        try:
            await catalogue.check(session, kind, wish.command, wish.params)
        except InvalidError as error:
            found[kind] = error
    return found


def _disabled(machine: Machine) -> SunsweepError | None:
    return None if machine.enabled else MachineDisabledError(f"machine {machine.serial} is disabled")


async def _make_way(session: AsyncSession, machine_ids: Sequence[int], command: str, *, now_ms: int) -> Changed:
    """A stop cancels the starts that still wait, and takes the place of every open stop that is not stronger."""
    if not is_stop_like(command):
        return []
    starts, stops = await standing_repository.in_the_way(session, machine_ids, STOP_RANK[command])
    queued = [stop for stop in stops if stop.state is State.QUEUED]
    sent = [stop for stop in stops if stop.state is State.SENT]
    others = [stop for stop in stops if stop.state not in (State.QUEUED, State.SENT)]
    overtaken, superseded = f"overtaken by {command}", f"superseded by {command}"
    return [
        *await change_all(session, starts, State.CANCELLED, at_ms=now_ms, reason=overtaken),
        *await change_all(session, queued, State.CANCELLED, at_ms=now_ms, reason=superseded),
        *await change_all(session, sent, State.UNCONFIRMED, at_ms=now_ms, reason=superseded, holds=0),
        *await let_go(session, others, at_ms=now_ms, reason=superseded),
    ]


async def _write(
    session: AsyncSession,
    machines: Sequence[Machine],
    last: Mapping[int, Last],
    wish: Wish,
    giver: Giver,
    *,
    now_ms: int,
) -> dict[int, CommandRow]:
    params = encode_object(wish.params).decode()
    lives = await _lives_ms(session, {machine.company_id for machine in machines}, wish)
    rows = {}
    for machine in machines:
        life_ms = lives[machine.company_id]
        rows[machine.id] = CommandRow(
            id=next_uuid7(now_ms, secrets.randbits(74), after=last[machine.id].any),
            company_id=machine.company_id,
            machine_id=machine.id,
            command=wish.command,
            params=params,
            state=State.QUEUED,
            issued_by=giver.user_id,
            issued_by_key=giver.key_id,
            issued_at=now_ms,
            expires_at=None if life_ms is None else now_ms + life_ms,
            holds=STOP_RANK.get(wish.command, 0),
            changed_at=now_ms,
            idempotency_key=wish.idempotency_key,
        )
    session.add_all(rows.values())
    await session.flush()
    await note_all(session, [Held(row.id, row.machine_id, State.QUEUED) for row in rows.values()], at_ms=now_ms)
    return rows


async def _lives_ms(session: AsyncSession, company_ids: set[int], wish: Wish) -> dict[int, int | None]:
    """For how long the command may wait, by company; None: a stop does not expire."""
    if is_stop_like(wish.command):
        return dict.fromkeys(company_ids)
    if wish.expires_in_s is not None:
        return dict.fromkeys(company_ids, wish.expires_in_s * 1000)
    own = {company_id: await repository.command_life_s(session, company_id) for company_id in company_ids}
    return {company_id: 1000 * (life_s or DEFAULT_EXPIRY_S) for company_id, life_s in own.items()}
