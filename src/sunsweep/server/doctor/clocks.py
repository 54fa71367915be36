"""Clocks: ours, the database's, EMQX's. Measurements from the future are refused, and leases go by the clock."""

import time
from typing import Final

from sunsweep.mqtt.emqx_admin import EmqxError
from sunsweep.server.broker.emqx import emqx_admin
from sunsweep.server.db.engine import DATABASE_AWAY
from sunsweep.server.doctor import repository
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, fails, ok, unknown, warning
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.words import reason, span

_HALF_SECOND_MS: Final = 500
"""HTTP tells whole seconds."""
_REMEDY: Final = "run chrony, ntpd or systemd-timesyncd there"


async def _look(around: Surroundings) -> list[Finding]:
    findings = [
        ok("this computer's clock is synchronised")
        if around.synchronised()
        else warning("nobody sets this computer's clock", "run chrony, ntpd or systemd-timesyncd")
    ]
    if not around.database.is_sqlite:
        findings.append(await _database(around))
    if around.settings.emqx_url is not None:
        findings.append(await _emqx(around))
    return findings


async def _database(around: Surroundings) -> Finding:
    try:
        async with around.database.read() as session:
            await session.connection()
            before_ms, begun_s = around.now_ms(), time.monotonic()
            said_ms = await repository.mysql_clock_ms(session)
    except DATABASE_AWAY as error:
        return unknown(f"what time it is at the database: {reason(error)}")
    return _compared("the database's clock", said_ms - before_ms, (time.monotonic() - begun_s) * 1000, around)


async def _emqx(around: Surroundings) -> Finding:
    admin = emqx_admin(around.settings)
    assert admin is not None
    async with admin:
        try:
            before_ms, begun_s = around.now_ms(), time.monotonic()
            said_ms = await admin.clock_ms() + _HALF_SECOND_MS
        except EmqxError as error:
            return unknown(f"what time it is at EMQX: {reason(error)}")
    return _compared("EMQX's clock", said_ms - before_ms, (time.monotonic() - begun_s) * 1000, around)


def _compared(whose: str, ahead_ms: float, took_ms: float, around: Surroundings) -> Finding:
    """It was said somewhen within `took_ms`."""
    ahead_ms -= took_ms / 2
    apart_ms = abs(ahead_ms)
    words = f"{whose} is {span(apart_ms)} {'ahead of' if ahead_ms > 0 else 'behind'} this computer's"
    if apart_ms > around.limits.clock_far_apart_ms + took_ms:
        return fails(words, _REMEDY)
    if apart_ms > around.limits.clock_apart_ms + took_ms:
        return warning(words, _REMEDY)
    return ok(f"{whose} agrees with this computer's")


CLOCKS: Final = Check("clocks", "Ours is synchronised; the database's and EMQX's agree with it", _look)
