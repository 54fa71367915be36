"""Runs the checks side by side, each within its time, so that one that hangs hides none of the others."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from sunsweep.mqtt.port import MqttError
from sunsweep.server.db.engine import DATABASE_AWAY
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, fails, unknown
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.words import reason

log = logging.getLogger(__name__)

_AWAY: Final = (*DATABASE_AWAY, MqttError)
_TIDY_S: Final = 20.0
"""How long a check that was ended may take to put away what it has made."""


class Answer(NamedTuple):
    """All that a check has found."""

    check: Check
    findings: Sequence[Finding]


async def examine(checks: Sequence[Check], around: Surroundings) -> AsyncIterator[Answer]:
    """Answers in the order of the checks, each as soon as it and those before it are there."""
    tasks = [asyncio.create_task(_answer(check, around), name=f"doctor-{check.name}") for check in checks]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_TIDY_S)


async def _answer(check: Check, around: Surroundings) -> Answer:
    try:
        async with asyncio.timeout(check.within_s) as limit:
            return Answer(check, await check.look(around))
    except _AWAY as error:
        if limit.expired():
            return Answer(check, [_late(check)])
        return Answer(check, [unknown(f"it could not be looked at: {reason(error)}")])
    except Exception as error:
        log.debug("a check broke", exc_info=error)
        words = f"the check itself broke ({type(error).__name__}), which is a fault of Sunsweep's"
        return Answer(check, [fails(words, "tell its makers; --log-level DEBUG shows where")])


def _late(check: Check) -> Finding:
    return fails(f"no answer within {check.within_s:g} s", "see whether what it asks hangs, or how busy it is")
