"""Machines: adding, changing, moving and ending them, and their logins at the broker."""

import secrets
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.topics import is_serial
from sunsweep.mqtt.passwords import generate_password, generate_salt, hash_password
from sunsweep.server.broker import clearing, kicks, logins
from sunsweep.server.db.models import Machine, MachineCredential
from sunsweep.server.errors import ConflictError, InvalidError, NotFoundError
from sunsweep.server.events import CommandChange, PresenceChange
from sunsweep.server.features.accounts.repository import company_by_id
from sunsweep.server.features.commands.ending import end_all
from sunsweep.server.features.machines import events, repository

OVERLAP_S: Final = 86_400
"""How long a rotated login still works beside a new one that nobody uses."""

Changes = Mapping[str, tuple[Any, Any]]
"""Old and new value of each field that is another now."""


class Login(msgspec.Struct, frozen=True):
    """A machine's login at the broker; the password is shown this once."""

    machine_id: str
    company_id: int
    mqtt_username: str
    mqtt_password: str


async def known(session: AsyncSession, company_id: int, serial: str, *, lock: bool = False) -> Machine:
    """Raises `NotFoundError`, also for another company's machine."""
    # MariaDB would not compare its ASCII with just any character.
    found = await repository.machine(session, company_id, serial, lock=lock) if is_serial(serial) else None
    if found is None:
        raise NotFoundError(f"there is no machine {serial}")
    return found


async def add(
    session: AsyncSession, company_id: int, serial: str, *, now_ms: int, **details: Any
) -> tuple[Machine, Login]:
    """A new machine and its login; raises `InvalidError`, `NotFoundError`, `ConflictError`."""
    if not is_serial(serial):
        raise InvalidError("a serial has 1 to 64 letters, digits, _ or -", field="machine_id")
    if await company_by_id(session, company_id) is None:
        raise NotFoundError(f"there is no company {company_id}")
    if await repository.serial_taken(session, company_id, serial, now_ms=now_ms):
        raise ConflictError(f"there is a machine {serial} already, or was less than a day ago")
    machine = Machine(company_id=company_id, serial=serial, created_at=now_ms, **details)
    session.add(machine)
    try:
        await session.flush()
    except IntegrityError as error:
        raise ConflictError(f"there is a machine {serial} already") from error
    return machine, await _new_login(session, machine, now_ms=now_ms)


async def change(session: AsyncSession, machine: Machine, details: dict[str, Any], *, now_ms: int) -> Changes:
    """Set what `details` names, and say what that changed; disabling bites at the broker at once."""
    changed = {name: (old, value) for name, value in details.items() if (old := getattr(machine, name)) != value}
    for name, (_, value) in changed.items():
        setattr(machine, name, value)
    if "enabled" in changed:
        await session.flush()
        if not machine.enabled:
            await kicks.ask(session, await repository.living_logins(session, machine.id), now_ms)
        await logins.changed(session)
    return changed


async def shut_out(session: AsyncSession, machine: Machine, *, now_ms: int) -> PresenceChange | None:
    """Say that a disabled machine is offline, once the broker lets it in no more; what viewers are to be told."""
    if machine.enabled or not await repository.silence(session, machine.id, cause="disabled", now_ms=now_ms):
        return None
    return PresenceChange(machine.company_id, machine.serial, "offline", now_ms, "disabled")


async def rotate(session: AsyncSession, machine: Machine, *, now_ms: int, overlap_s: int = OVERLAP_S) -> Login:
    """A second login with the same topics; those before it end with its first use, or after the overlap."""
    if overlap_s:
        await repository.end_later(session, machine.id, ends_at=now_ms + overlap_s * 1000)
    else:
        await _revoke(session, await repository.living_logins(session, machine.id), now_ms=now_ms)
    return await _new_login(session, machine, now_ms=now_ms)


async def first_used(session: AsyncSession, credential_ids: Collection[int], *, now_ms: int) -> None:
    """These logins have connected for the first time: with that the ones before them end."""
    fresh = await repository.still_fresh(session, credential_ids)
    await repository.use(session, fresh, now_ms=now_ms)
    await events.first_used(session, fresh, now_ms=now_ms)
    older = await repository.before(session, fresh)
    if older:
        await _revoke(session, older, now_ms=now_ms)
        await events.ended(session, older, why="a newer one is used", now_ms=now_ms)
        await logins.changed(session)


async def archive(session: AsyncSession, machine: Machine, *, now_ms: int) -> list[CommandChange]:
    """End the machine here, and what it was to do; its history stays. The caller has its row locked."""
    machine.archived_at, machine.archived_key, machine.enabled = now_ms, machine.id, False
    await session.flush()
    await _revoke(session, await repository.living_logins(session, machine.id), now_ms=now_ms)
    clearing.ask(session, machine.id, now_ms)
    await logins.changed(session)
    return await end_all(session, machine.id, now_ms=now_ms)


class Moved(NamedTuple):
    """A machine in its new company; `ended`: what has become of its commands in the one before."""

    machine: Machine
    login: Login
    ended: list[CommandChange]


async def move(session: AsyncSession, machine: Machine, company_id: int, *, now_ms: int) -> Moved:
    """Archive it here, make it anew there; raises `NotFoundError`, `ConflictError`.

    Its notes stay: they are one company's words among themselves.
    """
    if company_id == machine.company_id:
        raise ConflictError(f"machine {machine.serial} is company {company_id}'s already")
    ended = await archive(session, machine, now_ms=now_ms)
    anew, login = await add(
        session,
        company_id,
        machine.serial,
        now_ms=now_ms,
        name=machine.name,
        model=machine.model,
        tags=machine.tags,
        lat=machine.lat,
        lon=machine.lon,
        expected_interval_s=machine.expected_interval_s,
    )
    return Moved(anew, login, ended)


async def end_overlaps(session: AsyncSession, *, now_ms: int) -> None:
    """Revoke the rotated logins whose overlap is over."""
    ended = await repository.over(session, now_ms=now_ms)
    if ended:
        await _revoke(session, ended, now_ms=now_ms)
        await events.ended(session, ended, why="its overlap is over", now_ms=now_ms)
        await logins.changed(session)


async def _revoke(session: AsyncSession, usernames: Collection[str], *, now_ms: int) -> None:
    """End these logins, and their sessions at the broker."""
    await repository.revoke(session, usernames, now_ms=now_ms)
    await kicks.ask(session, usernames, now_ms)


async def _new_login(session: AsyncSession, machine: Machine, *, now_ms: int) -> Login:
    password, salt = generate_password(), generate_salt()
    login = Login(machine.serial, machine.company_id, f"m-{secrets.token_hex(8)}", password)
    session.add(
        MachineCredential(
            machine_id=machine.id,
            username=login.mqtt_username,
            password_hash=hash_password(password, salt),
            salt=salt,
            created_at=now_ms,
        )
    )
    await session.flush()
    await logins.changed(session)
    return login
