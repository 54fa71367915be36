"""Commands as REST shows and takes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Header, Path, Query
from msgspec import json
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.limits import MAX_COMMAND_CHARS
from sunsweep.contract.times import iso
from sunsweep.server.db.models import CommandEvent, CommandRow
from sunsweep.server.features.accounts.roles import Principal
from sunsweep.server.features.commands import repository
from sunsweep.server.features.commands.lifecycle import State

CommandId = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,36}$")]
IdempotencyKey = Annotated[str | None, Header(max_length=64, pattern=r"^[\x21-\x7e]+$")]
States = Annotated[list[State] | None, Query(alias="state", description="in one of these states; may be repeated")]
IsOpen = Annotated[bool | None, Query(alias="open", description="stops that still hold back starts, or all others")]
IsBulk = Annotated[bool | None, Query(alias="bulk", description="what bulk runs gave, or what was given singly")]
PageSize = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str, Query(pattern=r"^[0-9a-f-]{0,36}$")]

COMMAND_LINE = "command line"


class NewCommand(BaseModel):
    """An order, such as `{"command":"start_cleaning","params":{"speed":5,"mode":"auto"}}`."""

    model_config = ConfigDict(extra="forbid")

    command: Annotated[str, StringConstraints(pattern=rf"^[A-Za-z0-9_.-]{{1,{MAX_COMMAND_CHARS}}}$")]
    params: dict[str, Any] = {}
    expires_in: Annotated[
        int | None, Field(strict=True, ge=1, le=604_800, description="seconds; start-like commands only")
    ] = None


class StateChange(BaseModel):
    state: str
    reason: str
    at: str


class CommandOut(BaseModel):
    """`open`: a stop that is not confirmed yet, and holds back starts. `sends`: how often the broker surely took it.

    `bulk_id`: the bulk run that gave it; null where it was given singly.
    """

    id: str
    machine_id: str
    command: str
    params: dict[str, Any]
    state: str
    reason: str
    open: bool
    issued_at: str
    issued_by: int | None
    issued_by_key: int | None
    issued_by_name: str
    """The person's e-mail address, the API key's name, or "command line"."""
    expires_at: str | None
    sent_at: str | None
    sends: int
    changed_at: str
    bulk_id: str | None


class CommandLife(CommandOut):
    """A command with every change of its state."""

    history: list[StateChange]


class CommandPage(BaseModel):
    items: list[CommandOut]
    next_cursor: str | None


Shown = tuple[CommandRow, str]
"""A command and its machine's serial."""

By = tuple[int | None, int | None]
"""The user and the key that gave it."""


async def shown(
    session: AsyncSession, company_id: int, commands: Sequence[Shown], *, who: Principal | None = None
) -> list[CommandOut]:
    """Commands of one company as REST shows them; those of `who` need no look-up of the name."""
    by_name = await names(session, company_id, {_by(row) for row, _ in commands}, who)
    runs = await repository.bulk_ids(session, [row.id for row, _ in commands]) if commands else {}
    return [CommandOut(**_out(row, serial, by_name, runs)) for row, serial in commands]


async def life(session: AsyncSession, company_id: int, row: CommandRow, serial: str) -> CommandLife:
    """One command and its life."""
    by_name = await names(session, company_id, {_by(row)}, None)
    runs = await repository.bulk_ids(session, [row.id])
    events = await repository.events(session, row.machine_id, row.id)
    return CommandLife(**_out(row, serial, by_name, runs), history=[_change(event) for event in events])


def page(items: list[CommandOut], limit: int) -> CommandPage:
    """Of one more than the limit, where there are more."""
    more = len(items) > limit
    return CommandPage(items=items[:limit], next_cursor=items[limit - 1].id if more else None)


def _by(row: CommandRow) -> By:
    return row.issued_by, row.issued_by_key


async def names(
    session: AsyncSession, company_id: int, givers: Iterable[By], who: Principal | None
) -> Mapping[By, str]:
    """By who they are, what they are called."""
    known = {(None, None): COMMAND_LINE} | ({} if who is None else {(who.user_id, who.key_id): who.email})
    unknown = [giver for giver in givers if giver not in known]
    users = {user for user, _ in unknown if user is not None}
    keys = {key for user, key in unknown if user is None and key is not None}
    emails = await repository.emails(session, users) if users else {}
    key_names = await repository.key_names(session, company_id, keys) if keys else {}
    return known | {
        (user, key): emails[user] if user is not None else key_names.get(key or 0, f"key {key}")
        for user, key in unknown
    }


def _change(event: CommandEvent) -> StateChange:
    return StateChange(state=event.state, reason=event.reason, at=iso(event.at))


def _out(row: CommandRow, serial: str, by_name: Mapping[By, str], runs: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": row.id,
        "machine_id": serial,
        "command": row.command,
        "params": json.decode(row.params),
        "state": row.state,
        "reason": row.reason,
        "open": row.holds > 0,
        "issued_at": iso(row.issued_at),
        "issued_by": row.issued_by,
        "issued_by_key": row.issued_by_key,
        "issued_by_name": by_name[_by(row)],
        "expires_at": iso(row.expires_at) if row.expires_at else None,
        "sent_at": iso(row.sent_at) if row.sent_at else None,
        "sends": row.sends,
        "changed_at": iso(row.changed_at),
        "bulk_id": runs.get(row.id),
    }
