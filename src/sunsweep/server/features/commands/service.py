"""Orders to machines: written in the request's transaction, published after it by `dispatch`."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.commands import is_stop_like
from sunsweep.server.db.models import CommandRow, Machine
from sunsweep.server.errors import ConflictError, NotFoundError
from sunsweep.server.events import CommandChange
from sunsweep.server.features.commands import limits, repository
from sunsweep.server.features.commands.giving import give_all
from sunsweep.server.features.commands.lifecycle import Held, State, change, let_go
from sunsweep.server.features.commands.wish import Giver, Wish, check
from sunsweep.server.features.machines.repository import lock

__all__ = ["Wish", "back_to_queue", "cancel", "close", "give", "known"]

_MAY_BE_CLOSED = frozenset({State.UNCONFIRMED, State.ACCEPTED, State.RUNNING})


async def give(
    session: AsyncSession,
    machine: Machine,
    wish: Wish,
    *,
    user_id: int | None,
    now_ms: int,
    key_id: int | None = None,
    per_minute: int | None = None,
) -> tuple[CommandRow, list[CommandChange]]:
    """Write the order; the machine's row is locked by the caller, so that ids are in the order of the commands.

    Returns the command (the earlier one, for a repeated idempotency key) and all that has changed. `per_minute` bounds
    the caller's start-like commands. Raises `InvalidError`, `ConflictError`, `ForbiddenError`, `TooManyCommandsError`.
    """
    check(wish)
    if wish.idempotency_key:
        earlier = await repository.by_idempotency_key(session, machine.id, wish.idempotency_key)
        if earlier is not None:
            return _same(earlier, wish), []
    giver = Giver(user_id, key_id)
    if per_minute is not None and not is_stop_like(wish.command):
        await limits.require_room(session, giver, per_minute=per_minute, now_ms=now_ms)
    given = await give_all(session, [machine], wish, giver, now_ms=now_ms)
    if given.refused:
        raise given.refused[machine.id]
    return given.rows[machine.id], given.changes[machine.id]


def _same(earlier: CommandRow, wish: Wish) -> CommandRow:
    """What was given under this key before; raises `ConflictError` where it was something else."""
    expires_in_s = None if earlier.expires_at is None else (earlier.expires_at - earlier.issued_at) // 1000
    # Who does not say for how long takes the company's value, which may be another one by now.
    asked_s = expires_in_s if wish.expires_in_s is None or is_stop_like(wish.command) else wish.expires_in_s
    given = (earlier.command, msgspec.json.decode(earlier.params), expires_in_s)
    if given != (wish.command, wish.params, asked_s):
        raise ConflictError("this Idempotency-Key was used for another command")
    return earlier


async def cancel(session: AsyncSession, machine: Machine, command_id: str, *, now_ms: int) -> CommandChange:
    """Take back what is still queued; raises `NotFoundError`, `ConflictError`."""
    row = await known(session, machine, command_id)
    done = await change(
        session, row.id, State.CANCELLED, machine_id=machine.id, at_ms=now_ms, reason="cancelled by a person"
    )
    if done is None:
        raise ConflictError(f"the command is {row.state} already")
    return done


async def close(session: AsyncSession, machine: Machine, command_id: str, *, by: str, now_ms: int) -> CommandChange:
    """Let a stop hold back nothing any more, confirmed or not; raises `NotFoundError`, `ConflictError`."""
    row = await repository.by_id(session, machine.id, command_id, lock=True)
    if row is None:
        raise _unknown(command_id)
    _require_closable(row)
    ((_, done),) = await let_go(
        session, [Held(row.id, machine.id, State(row.state))], at_ms=now_ms, reason=f"closed by {by}"
    )
    return done


def _require_closable(row: CommandRow) -> None:
    if row.state == State.QUEUED:
        raise ConflictError("the command has not been sent yet: cancel it instead")
    if not is_stop_like(row.command):
        raise ConflictError(f"only a stop is closed, and {row.command} is none")
    if not row.holds:
        raise ConflictError(f"the command is {row.state} and not open: there is nothing to close")
    if row.state not in _MAY_BE_CLOSED:
        raise ConflictError("the command has just been sent: wait until it is confirmed or unconfirmed")


async def back_to_queue(
    session: AsyncSession, machine: Machine, command_id: str, *, reason: str, now_ms: int
) -> CommandChange | None:
    """A start that met nobody waits again, unless a stop was given meanwhile: that one saw nothing to cancel."""
    await lock(session, machine.id)
    done = await change(
        session, command_id, State.QUEUED, machine_id=machine.id, at_ms=now_ms, reason=reason, sent_at=None
    )
    stop = await repository.overtaken_by(session, machine.id, command_id)
    if done is None or stop is None:
        return done
    return await change(
        session, command_id, State.CANCELLED, machine_id=machine.id, at_ms=now_ms, reason=f"overtaken by {stop}"
    )


async def known(session: AsyncSession, machine: Machine, command_id: str) -> CommandRow:
    """Raises `NotFoundError`."""
    row = await repository.by_id(session, machine.id, command_id)
    if row is None:
        raise _unknown(command_id)
    return row


def _unknown(command_id: str) -> NotFoundError:
    return NotFoundError(f"there is no command {command_id}")
