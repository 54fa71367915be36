"""`resolution=auto`: at most about a thousand points for any span, at a bounded cost."""

from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import Machine, TelemetryDay, TelemetryHour
from sunsweep.server.features.telemetry import repository
from sunsweep.server.features.telemetry.grid import AUTO_POINTS, DAYS, Grid, minutes_for, rolled_up_for
from sunsweep.server.features.telemetry.repository import Span

SAMPLES_TO_FOLD: Final = 50_000
"""A span with more samples is shown by the hour, from roll-ups: folding them would take a quarter of a second."""


class Choice(NamedTuple):
    """The part of the span that holds anything, and the grid to show it on; None for the raw samples."""

    span: Span
    grid: Grid | None


async def choose(session: AsyncSession, machine: Machine, asked: Span, *, until_ms: int) -> Choice:
    """The finest that fits; nothing is measured after `until_ms`."""
    begin = await _first(session, machine.id, asked)
    if begin is None:
        return Choice(asked, None)
    span = Span(max(asked.from_ms, begin), max(begin + 1, min(asked.to_ms, until_ms)))
    if await _purged(session, machine, span):
        return Choice(span, rolled_up_for(span))
    minutes = minutes_for(span)
    most = SAMPLES_TO_FOLD if minutes else AUTO_POINTS
    samples = await repository.count_up_to(session, machine.id, span, most + 1)
    if samples <= AUTO_POINTS:
        return Choice(span, None)
    if minutes is not None and samples <= most:
        return Choice(span, minutes)
    return Choice(span, rolled_up_for(span))


async def _first(session: AsyncSession, machine_id: int, span: Span) -> int | None:
    """Where history begins within the span, at most a day early."""
    days = DAYS[0].whole(span)
    found = (
        await repository.first_rolled_up(session, TelemetryDay, machine_id, days),
        await repository.first_sample(session, machine_id, span),
    )
    return min((ms for ms in found if ms is not None), default=None)


async def _purged(session: AsyncSession, machine: Machine, span: Span) -> bool:
    """Whether only roll-ups know of a part of the span."""
    since = await repository.raw_since(session, machine.company_id)
    if span.from_ms >= since:
        return False
    gone = Span(span.from_ms, min(span.to_ms, since))
    return await repository.first_rolled_up(session, TelemetryHour, machine.id, gone) is not None
