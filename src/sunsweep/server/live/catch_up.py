"""What fell between the database's newest state and the live frames when a viewer came.

A message may reach the broker before our subscription stands and the database after the snapshot was read; and the
newest-state row itself may be a second behind. So the row is read again a little later, and what the hub has not
seen is shown as a frame. The same after each new connection to the broker, which keeps nothing for us meanwhile.
"""

import asyncio
from contextlib import suppress
from typing import Final

from sunsweep.contract.frames import FrameType
from sunsweep.server.db.engine import DATABASE_AWAY
from sunsweep.server.db.models import Machine, MachineStatus
from sunsweep.server.events import presence_data
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.features.machines.current import Current
from sunsweep.server.features.machines.shapes import status_data, telemetry_data
from sunsweep.server.features.services import Services
from sunsweep.server.live.hub import SAMPLE, Watched, sample_of

PAUSES_S: Final = (0.5, 2.0)
"""The first for what was under way, the second for a newest sample that waited for its second."""

STATUS: Final = ("status", "energy", "run_water", "area", "status_extra")
SESSION: Final = ("session_boot", "session_n", "in_session", "past_boots", "software")


async def look_again(held: Services, machine: Machine, watched: Watched) -> None:
    """Show what was missed, to every viewer of the machine: they share one subscription. Ends by being cancelled."""
    while True:
        connected_anew = watched.connected_anew
        for pause_s in PAUSES_S:
            await asyncio.sleep(pause_s)
            # Away when it is asked, it is asked again by the next look.
            with suppress(*DATABASE_AWAY):
                async with held.database.read() as unit:
                    row = await machines.status(unit, machine.id)
                if row is not None:
                    show_news(watched, row)
        await connected_anew.wait()


def take_in(current: Current, row: MachineStatus) -> None:
    """Where the row is newer, it is the newest state."""
    if (row.telemetry_at or 0) > (current.telemetry_at or 0):
        copy(current, row, (*SAMPLE, "telemetry_at"))
    if (row.status_at or 0) > (current.status_at or 0):
        copy(current, row, (*STATUS, *SESSION, "status_at"))
    if presence_is_news(current, row):
        copy(current, row, ("presence", "presence_since", "presence_cause"))
    current.heard_at = max(current.heard_at, row.heard_at)
    current.seen_at = max(current.seen_at, row.seen_at)


def show_news(watched: Watched, row: MachineStatus) -> None:
    """What nobody has seen is a frame, and the newest state.

    The same message has slightly different times here and there, so its values decide whether it was seen.
    """
    current = watched.current
    sample = (row.telemetry_at or 0) > (current.telemetry_at or 0) and sample_of(row) not in (
        sample_of(current),
        *watched.shown,
    )
    state = (row.status_at or 0) > (current.status_at or 0) and differ(current, row, (*STATUS, "presence"))
    presence = presence_is_news(current, row) and row.presence != current.presence
    take_in(current, row)
    if sample and row.telemetry_at:
        watched.ahead = (sample_of(row), row.telemetry_at)
        watched.offer(FrameType.TELEMETRY, row.telemetry_at, telemetry_data(row))
    if state and row.status_at:
        watched.offer(FrameType.STATUS, row.status_at, status_data(row))
    if presence:
        data = presence_data(row.presence, row.presence_since, row.presence_cause)
        watched.offer(FrameType.PRESENCE, row.presence_since, data)


def presence_is_news(current: Current, row: MachineStatus | Current) -> bool:
    """Not where the row calls a machine silent that has been heard here since."""
    refuted = row.presence == "stale" and current.seen_at > row.presence_since
    return row.presence_since > current.presence_since and not refuted


def differ(current: Current, row: MachineStatus | Current, names: tuple[str, ...]) -> bool:
    return any(getattr(current, name) != getattr(row, name) for name in names)


def copy(current: Current, row: MachineStatus | Current, names: tuple[str, ...]) -> None:
    for name in names:
        setattr(current, name, getattr(row, name))
