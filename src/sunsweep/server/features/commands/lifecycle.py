"""The states of a command and the only way from one to another."""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import CursorResult, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from sunsweep.contract.commands import ENDED, CommandState
from sunsweep.contract.payloads import Result
from sunsweep.server import metrics
from sunsweep.server.db.models import CommandEvent, CommandRow
from sunsweep.server.events import CommandChange

_REASON_CHARS: Final = 255


State = CommandState

_NO_WORD_YET: Final = frozenset({State.QUEUED, State.SENT, State.UNCONFIRMED, State.EXPIRED, State.CANCELLED})

MAY_FOLLOW: Final[dict[State, frozenset[State]]] = {
    State.QUEUED: frozenset({State.SENT}),
    State.SENT: frozenset({State.QUEUED}),
    State.ACCEPTED: _NO_WORD_YET,
    State.RUNNING: _NO_WORD_YET | {State.ACCEPTED},
    State.SUCCEEDED: _NO_WORD_YET | {State.ACCEPTED, State.RUNNING},
    State.FAILED: _NO_WORD_YET | {State.ACCEPTED, State.RUNNING},
    State.REJECTED: _NO_WORD_YET | {State.ACCEPTED, State.RUNNING},
    State.EXPIRED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
    State.UNCONFIRMED: frozenset({State.SENT, State.ACCEPTED, State.RUNNING}),
}
"""New state -> the states it may follow.

A machine's word may overtake the mark that its command was sent; so what is expired or cancelled may have gone out in
that moment, and the word is right. Back to queued leads only the broker's word that nobody was listening. Also of what
a machine has begun it may never say the end.
"""


async def change(
    connection: AsyncConnection | AsyncSession,
    command_id: str,
    state: State,
    *,
    machine_id: int,
    at_ms: int,
    reason: str = "",
    **columns: Any,
) -> CommandChange | None:
    """Compare and set: None where the command is not in a state that `state` may follow."""
    reason = reason[:_REASON_CHARS]
    if state in ENDED:
        columns["holds"] = 0
    done = await connection.execute(
        update(CommandRow)
        .where(
            CommandRow.id == command_id, CommandRow.machine_id == machine_id, CommandRow.state.in_(MAY_FOLLOW[state])
        )
        .values(state=state, reason=reason, changed_at=at_ms, **columns)
    )
    if cast("CursorResult[Any]", done).rowcount != 1:
        return None
    await note(connection, command_id, state, at_ms=at_ms, reason=reason)
    metrics.COMMANDS.labels(state).inc()
    return CommandChange(command_id, state, reason, at_ms)


class Held(NamedTuple):
    """A command whose row this transaction has locked: its state is what was read."""

    id: str
    machine_id: int
    state: State


Changed = list[tuple[int, CommandChange]]
"""(machine id, what is new of its command)."""


class IllegalMoveError(Exception):
    """Commands were not in the state in which they were held: a fault of ours."""


async def change_all(
    session: AsyncSession, commands: Sequence[Held], state: State, *, at_ms: int, reason: str, **columns: Any
) -> Changed:
    """`change` of many at once, all of them or, by `IllegalMoveError`, none."""
    if state in ENDED:
        columns["holds"] = 0
    moved = [held._replace(state=state) for held in commands]
    await _set_all(session, commands, MAY_FOLLOW[state], reason=reason, at_ms=at_ms, state=state, **columns)
    metrics.COMMANDS.labels(state).inc(len(commands))
    return await note_all(session, moved, reason=reason, at_ms=at_ms)


async def let_go(session: AsyncSession, commands: Sequence[Held], *, at_ms: int, reason: str) -> Changed:
    """Open stops are open no more; their states stay. Raises `IllegalMoveError`."""
    await _set_all(session, commands, {held.state for held in commands}, reason=reason, at_ms=at_ms, holds=0)
    return await note_all(session, commands, reason=reason, at_ms=at_ms)


async def _set_all(
    session: AsyncSession,
    commands: Sequence[Held],
    states: Collection[State],
    *,
    reason: str,
    at_ms: int,
    **columns: Any,
) -> None:
    if not commands:
        return
    of_machines = CommandRow.machine_id.in_({held.machine_id for held in commands})
    done = await session.execute(
        update(CommandRow)
        .where(CommandRow.id.in_([held.id for held in commands]), of_machines, CommandRow.state.in_(states))
        .values(reason=reason[:_REASON_CHARS], changed_at=at_ms, **columns)
    )
    if (found := cast("CursorResult[Any]", done).rowcount) != len(commands):
        raise IllegalMoveError(f"{found} of {len(commands)} commands are as they were held")


async def note(
    connection: AsyncConnection | AsyncSession, command_id: str, state: State, *, at_ms: int, reason: str = ""
) -> None:
    """Keep a step of a command's life, with its time and cause."""
    await connection.execute(insert(CommandEvent).values(command_id=command_id, at=at_ms, state=state, reason=reason))


async def note_all(session: AsyncSession, commands: Sequence[Held], *, at_ms: int, reason: str = "") -> Changed:
    """The same of many, each in its state."""
    reason = reason[:_REASON_CHARS]
    if commands:
        told = [{"command_id": held.id, "at": at_ms, "state": held.state, "reason": reason} for held in commands]
        await session.execute(insert(CommandEvent), told)
    return [(held.machine_id, CommandChange(held.id, held.state, reason, at_ms)) for held in commands]


async def heard_result(
    connection: AsyncConnection, machine_id: int, result: Result, *, at_ms: int
) -> CommandChange | None:
    """What a machine's own word makes of its command."""
    reason = str(result.detail.get("reason", ""))
    return await change(connection, result.id, State(result.state), machine_id=machine_id, at_ms=at_ms, reason=reason)
