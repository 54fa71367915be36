"""Orders to machines: written in the request's transaction, published after it by `dispatch`."""

import secrets
from json import dumps
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.codec import decode_command, encode_command, encode_object
from sunsweep.contract.commands import STOP_RANK, is_stop_like
from sunsweep.contract.ids import next_uuid7
from sunsweep.contract.limits import MAX_PAYLOAD_BYTES
from sunsweep.contract.payloads import Command
from sunsweep.contract.refusal import Refused
from sunsweep.server.db.models import CommandRow, Machine
from sunsweep.server.errors import ConflictError, InvalidError, MachineDisabledError, NotFoundError
from sunsweep.server.events import CommandChange
from sunsweep.server.features.catalogue import service as catalogue
from sunsweep.server.features.commands import repository
from sunsweep.server.features.commands.lifecycle import State, change, note
from sunsweep.server.features.machines.repository import lock

DEFAULT_EXPIRY_S: Final = 1800


class Wish(msgspec.Struct, frozen=True):
    """What a caller wants of a machine; `expires_in_s` matters to start-like commands only."""

    command: str
    params: dict[str, Any]
    expires_in_s: int | None = None
    idempotency_key: str | None = None


async def give(
    session: AsyncSession, machine: Machine, wish: Wish, *, user_id: int | None, now_ms: int, key_id: int | None = None
) -> tuple[CommandRow, list[CommandChange]]:
    """Write the order; the machine's row is locked by the caller, so that ids are in the order of the commands.

    Returns the command (the earlier one, for a repeated idempotency key) and what else changed. Raises
    `InvalidError`, `ConflictError`.
    """
    check(wish)
    if not machine.enabled:
        raise MachineDisabledError(f"machine {machine.serial} is disabled")
    if wish.idempotency_key:
        earlier = await repository.by_idempotency_key(session, machine.id, wish.idempotency_key)
        if earlier is not None:
            return _same(earlier, wish), []
    await catalogue.check(session, (machine.company_id, machine.model), wish.command, wish.params)
    cancelled = await _overtake(session, machine.id, wish.command, now_ms=now_ms)
    row = await _write(session, machine.id, wish, by=(user_id, key_id), now_ms=now_ms)
    return row, [*cancelled, CommandChange(row.id, State.QUEUED, "", now_ms)]


async def cancel(session: AsyncSession, machine: Machine, command_id: str, *, now_ms: int) -> CommandChange:
    """Take back what is still queued; raises `NotFoundError`, `ConflictError`."""
    row = await known(session, machine, command_id)
    done = await change(
        session, row.id, State.CANCELLED, machine_id=machine.id, at_ms=now_ms, reason="cancelled by a person"
    )
    if done is None:
        raise ConflictError(f"the command is {row.state} already")
    return done


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
        raise NotFoundError(f"there is no command {command_id}")
    return row


def check(wish: Wish) -> None:
    """Raises `InvalidError` naming the field."""
    _check_wire(wish.params)


def _check_wire(params: dict[str, Any]) -> None:
    """Only what a machine can read leaves: no NaN, no half of a character, bounded in size and depth."""
    try:
        text = dumps(params, allow_nan=False, ensure_ascii=False).encode()
        if len(text) > MAX_PAYLOAD_BYTES // 2:
            raise InvalidError(f"params has at most {MAX_PAYLOAD_BYTES // 2} bytes", field="params")
        decode_command(encode_command(Command("check", params)))
    except (ValueError, RecursionError, Refused) as error:
        raise InvalidError(f"params cannot be written as JSON for a machine: {error}", field="params") from error


async def _overtake(session: AsyncSession, machine_id: int, command: str, *, now_ms: int) -> list[CommandChange]:
    """A stop cancels the starts that still wait."""
    if not is_stop_like(command):
        return []
    reason = f"overtaken by {command}"
    waiting = await repository.queued_starts(session, machine_id)
    changes = [
        await change(session, row.id, State.CANCELLED, machine_id=machine_id, at_ms=now_ms, reason=reason)
        for row in waiting
    ]
    return [done for done in changes if done is not None]


async def _write(
    session: AsyncSession, machine_id: int, wish: Wish, *, by: tuple[int | None, int | None], now_ms: int
) -> CommandRow:
    newest = await repository.newest_id(session, machine_id)
    life_ms = _life_ms(wish)
    row = CommandRow(
        id=next_uuid7(now_ms, secrets.randbits(74), after=newest),
        machine_id=machine_id,
        command=wish.command,
        params=encode_object(wish.params).decode(),
        state=State.QUEUED,
        issued_by=by[0],
        issued_by_key=by[1],
        issued_at=now_ms,
        expires_at=None if life_ms is None else now_ms + life_ms,
        holds=STOP_RANK.get(wish.command, 0),
        changed_at=now_ms,
        idempotency_key=wish.idempotency_key,
    )
    session.add(row)
    await session.flush()
    await note(session, row.id, State.QUEUED, at_ms=now_ms)
    return row


def _life_ms(wish: Wish) -> int | None:
    """Stops do not expire."""
    return None if is_stop_like(wish.command) else (wish.expires_in_s or DEFAULT_EXPIRY_S) * 1000


def _same(earlier: CommandRow, wish: Wish) -> CommandRow:
    life_ms = None if earlier.expires_at is None else earlier.expires_at - earlier.issued_at
    if (earlier.command, msgspec.json.decode(earlier.params), life_ms) != (wish.command, wish.params, _life_ms(wish)):
        raise ConflictError("this Idempotency-Key was used for another command")
    return earlier
