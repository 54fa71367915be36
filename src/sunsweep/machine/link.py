"""Keeps a connection to the broker for as long as the program lives."""

import asyncio
import logging
from itertools import cycle
from random import Random
from typing import Final, Protocol

from aiomqtt import Client, MqttError, Will

from sunsweep.machine.backoff import Backoff, Pace
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.connection import connected, refused_credentials
from sunsweep.machine.endpoint import Endpoint
from sunsweep.machine.ports import Clock

STOOD_S: Final = 10.0
"""A connection that stood this long was a good one."""

_log = logging.getLogger(__name__)


class Session(Protocol):
    """What to do with a connection."""

    def will(self) -> Will:
        """For the next connection."""
        ...

    async def run(self, client: Client) -> None:
        """Use it until it breaks (`MqttError`, also within a group) or the task is cancelled."""
        ...


class Link:
    """Connects, and connects again. The first failure of a series is a warning, the next ones are not."""

    def __init__(
        self,
        config: MachineConfig,
        clock: Clock,
        *,
        random: Random,
        session: Session,
        pace: Pace = Pace(),  # noqa: B008
    ) -> None:
        self._config = config
        self._clock = clock
        self._session = session
        self._backoff = Backoff(random, pace)
        self._lost_s: float | None = None

    async def run(self) -> None:
        for endpoint in cycle(self._config.endpoints):
            wait_s = await self._connect_once(endpoint)
            await asyncio.sleep(wait_s)

    async def _connect_once(self, endpoint: Endpoint) -> float:
        """Use one connection up; how long to wait before the next."""
        begun_s: list[float] = []
        try:
            async with connected(self._config, endpoint, self._session.will()) as client:
                begun_s.append(self._clock.monotonic_s())
                self._found(endpoint)
                await self._session.run(client)
        except* MqttError as group:
            error = _first(group)
        else:
            return self._backoff.next_s()
        if refused_credentials(error):
            return self._refused(endpoint)
        if begun_s and self._clock.monotonic_s() - begun_s[0] >= STOOD_S:
            self._backoff.reset()
        wait_s = self._backoff.next_s()
        self._lost(endpoint, error, wait_s)
        return wait_s

    def _found(self, endpoint: Endpoint) -> None:
        away = "" if self._lost_s is None else f" after {self._clock.monotonic_s() - self._lost_s:.0f} s"
        _log.info("connected to %s as %s%s", endpoint, self._config.mqtt_username, away)
        self._lost_s = None

    def _lost(self, endpoint: Endpoint, error: MqttError, wait_s: float) -> None:
        level = logging.WARNING if self._lost_s is None else logging.DEBUG
        if self._lost_s is None:
            self._lost_s = self._clock.monotonic_s()
        _log.log(level, "no connection to %s: %s; next try in %.1f s", endpoint, error, wait_s)

    def _refused(self, endpoint: Endpoint) -> float:
        wait_s = self._backoff.longest_s()
        _log.error(
            "%s refuses the user name %r: wrong user name or password, or the machine is disabled. "
            "Check mqtt_username and the password in the machine's file; next try in %.0f s",
            endpoint,
            self._config.mqtt_username,
            wait_s,
        )
        return wait_s


def _first(group: BaseExceptionGroup[MqttError]) -> MqttError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, MqttError)
    return error
