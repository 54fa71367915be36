"""Orders to many machines: looked at in a dry run, begun, aborted."""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec import json
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.codec import encode_object
from sunsweep.contract.commands import is_stop_like
from sunsweep.contract.ids import next_uuid7
from sunsweep.server.db.models import BulkRun
from sunsweep.server.errors import ConflictError, InvalidError, NotFoundError, SunsweepError
from sunsweep.server.events import CommandChange
from sunsweep.server.features.bulk import advance, confirmation, repository
from sunsweep.server.features.bulk.progress import RUNNING
from sunsweep.server.features.bulk.repository import Candidate
from sunsweep.server.features.bulk.selection import Selection
from sunsweep.server.features.catalogue import service as catalogue
from sunsweep.server.features.commands import giving, limits
from sunsweep.server.features.commands.wish import Giver, Wish, check

_AT_ONCE: Final = 500


class NoMachinesError(ConflictError):
    """The filter means none."""

    code = "no_machines"


class Order(NamedTuple):
    """What is asked for, by whom, of which company. A stop is given to all machines at once, whatever the stages."""

    company_id: int
    giver: Giver
    wish: Wish
    selection: Selection
    stage_size: int | None = None
    """None: all machines in one stage."""
    abort_after: int | None = None

    @property
    def is_stop(self) -> bool:
        return is_stop_like(self.wish.command)

    @property
    def chosen(self) -> dict[str, Any]:
        """The filter as JSON."""
        return self.selection.model_dump(mode="json", exclude_none=True)

    @property
    def terms(self) -> Mapping[str, Any]:
        """What is confirmed, but for the machines."""
        return {
            "company": self.company_id,
            "user": self.giver.user_id,
            "key": self.giver.key_id,
            "command": self.wish.command,
            "params": self.wish.params,
            "expires_in": self.wish.expires_in_s,
            "filter": self.chosen,
            "stage_size": self.stage_size,
            "abort_after": self.abort_after,
        }

    def stage_size_of(self, machines: int) -> int:
        if self.is_stop or self.stage_size is None:
            return max(1, machines)
        return self.stage_size


class Preview(NamedTuple):
    """What would happen now."""

    meant: list[Candidate]
    refused: dict[int, SunsweepError]
    """By machine id."""
    unknown: list[str]
    token: str | None
    """None where no confirmation is asked for, or there is nothing to confirm."""

    @property
    def reasons(self) -> dict[str, int]:
        """Code of the refusal -> how many."""
        return dict(Counter(error.code for error in self.refused.values()))


class Begun(NamedTuple):
    """`is_new`: else the confirmation was given before, and this is the run of that time."""

    run: BulkRun
    is_new: bool
    machines: int
    unknown: list[str]


async def preview(session: AsyncSession, order: Order, *, secret: str, now_ms: int) -> Preview:
    """Change nothing; raises `InvalidError`."""
    meant = await _meant(session, order)
    refused: dict[int, SunsweepError] = {}
    for at in range(0, len(meant), _AT_ONCE):
        machines = [one.machine for one in meant[at : at + _AT_ONCE]]
        refused |= await giving.refusals(session, machines, order.wish, order.giver)
    token = None
    if meant and not order.is_stop:
        run_id = await _draw_id(session, order.company_id, now_ms=now_ms)
        token = confirmation.issue(secret, order.terms, _ids(meant), run_id=run_id, now_ms=now_ms)
    return Preview(meant, refused, order.selection.unknown(meant), token)


async def begin(
    session: AsyncSession, order: Order, *, token: str | None, secret: str, per_minute: int, now_ms: int
) -> Begun:
    """Write the run and its machines; `advance` gives them the command.

    Raises `InvalidError`, `ConfirmationNeededError`, `MachinesChangedError`, `NoMachinesError`, `TooManyCommandsError`.
    """
    run_id = await _draw_id(session, order.company_id, now_ms=now_ms)
    confirmed = None
    if not order.is_stop:
        check(order.wish)
        confirmed = confirmation.read(secret, token, order.terms)
        run_id = confirmed.run_id
        earlier = await repository.by_id(session, order.company_id, run_id)
        if earlier is not None:
            return Begun(earlier, is_new=False, machines=0, unknown=[])
        await limits.require_room(session, order.giver, per_minute=per_minute, now_ms=now_ms)
    meant = await _meant(session, order)
    if confirmed is not None:
        confirmed.require(_ids(meant), now_ms=now_ms)
    if not meant:
        raise NoMachinesError("no machine fits the filter")
    run = _run(order, run_id, len(meant), now_ms=now_ms)
    stages = {one.machine.id: 1 + number // run.stage_size for number, one in enumerate(meant)}
    try:
        await repository.add(session, run, stages)
    except IntegrityError as error:
        raise ConflictError("the same confirmation is being used by another request") from error
    return Begun(run, is_new=True, machines=len(meant), unknown=order.selection.unknown(meant))


async def abort(
    session: AsyncSession, company_id: int, bulk_id: str, *, by: str, now_ms: int
) -> tuple[BulkRun, list[tuple[str, CommandChange]]]:
    """End a run before its machines have all been given the command; raises `NotFoundError`, `ConflictError`."""
    run = await known(session, company_id, bulk_id, lock=True)
    if run.state != RUNNING:
        raise ConflictError(f"the bulk run is {run.state} already")
    return run, await advance.abort(session, run, f"aborted by {by}", now_ms=now_ms)


async def known(session: AsyncSession, company_id: int, bulk_id: str, *, lock: bool = False) -> BulkRun:
    """Raises `NotFoundError`, also for another company's run."""
    run = await repository.by_id(session, company_id, bulk_id, lock=lock)
    if run is None:
        raise NotFoundError(f"there is no bulk run {bulk_id}")
    return run


async def _meant(session: AsyncSession, order: Order) -> list[Candidate]:
    """The machines that the filter means. Raises `InvalidError` for what all of them would refuse."""
    check(order.wish)
    found = order.selection.meant(await repository.candidates(session, order.company_id))
    errors = []
    models = sorted({one.machine.model for one in found})
    for model in models:
        try:
            await catalogue.check(session, (order.company_id, model), order.wish.command, order.wish.params)
        except InvalidError as error:
            errors.append(error)
    if errors and len(errors) == len(models):
        raise errors[0]
    return found


async def _draw_id(session: AsyncSession, company_id: int, *, now_ms: int) -> str:
    """Newer than all commands of the company: whatever is newer than a run's id was given after it was drawn up."""
    newest = await repository.newest_command(session, company_id)
    return next_uuid7(now_ms, secrets.randbits(74), after=newest)


def _run(order: Order, run_id: str, machines: int, *, now_ms: int) -> BulkRun:
    return BulkRun(
        id=run_id,
        company_id=order.company_id,
        command=order.wish.command,
        params=encode_object(order.wish.params).decode(),
        expires_in_s=None if order.is_stop else order.wish.expires_in_s,
        selection=json.encode(order.chosen).decode(),
        stage_size=order.stage_size_of(machines),
        abort_after=None if order.is_stop else order.abort_after,
        state=RUNNING,
        issued_by=order.giver.user_id,
        issued_by_key=order.giver.key_id,
        issued_at=now_ms,
    )


def _ids(meant: Sequence[Candidate]) -> list[int]:
    return [one.machine.id for one in meant]
