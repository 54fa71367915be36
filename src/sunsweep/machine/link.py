"""Keeps a connection to the broker for as long as the program lives."""

import asyncio
import logging
from random import Random
from typing import Any, Final, Protocol

from aiomqtt import Client, MqttError, Will

from sunsweep.machine import cancellation
from sunsweep.machine.backoff import Backoff, Pace
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.connection import answers, connected, refused_credentials
from sunsweep.machine.endpoint import Endpoint
from sunsweep.machine.ports import Clock
from sunsweep.machine.reasons import in_words
from sunsweep.machine.routes import RouteMemory, Routes

STOOD_S: Final = 10.0
"""A connection that stood this long was a good one."""
SELDOM_S: Final = 86_400.0

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
    """Connects, and connects again; each failing URL of a series is said once.

    On a lesser URL it looks from time to time whether a better one answers, and only then lets go of what works.
    """

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
        self._pace = pace
        self._better_after_s = pace.better_after_s
        self._memory = RouteMemory(config.state_dir)
        self._lost_s: float | None = None
        self._said = set[Endpoint]()

    async def run(self) -> None:
        routes = Routes(self._config.endpoints, await asyncio.to_thread(self._memory.recall))
        while True:
            wait_s = await self._connect_once(routes)
            await asyncio.sleep(wait_s)

    async def _connect_once(self, routes: Routes) -> float:
        """Use one connection up; how long to wait before the next."""
        endpoint = routes.current
        begun_s: list[float] = []
        try:
            async with connected(self._config, endpoint, self._session.will()) as client:
                begun_s.append(self._clock.monotonic_s())
                await self._found(routes)
                better = await self._use(client, routes.better)
        except* MqttError as group:
            error = _first(group)
        else:
            return self._backoff.next_s() if better is None else self._switch(routes, better)
        if refused_credentials(error):
            routes.failed()
            return self._refused(endpoint)
        stood = bool(begun_s) and self._clock.monotonic_s() - begun_s[0] >= STOOD_S
        wait_s = self._next_s(routes, stood=stood)
        self._lost(endpoint, error, wait_s)
        return wait_s

    async def _use(self, client: Client, better: list[Endpoint]) -> Endpoint | None:
        """Until the connection breaks (`MqttError`), or a better one answers."""
        session = asyncio.create_task(self._session.run(client), name="session")
        look = asyncio.create_task(self._look_for(better), name="better-broker")
        work: set[asyncio.Task[Any]] = {session, look} if better else {session}
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            broken = session.done()
            await cancellation.end(session, look)
        if broken:
            session.result()
            return None
        return look.result()

    async def _look_for(self, better: list[Endpoint]) -> Endpoint:
        while True:
            await asyncio.sleep(self._better_after_s)
            for endpoint in better:
                try:
                    await answers(self._config, endpoint)
                except MqttError as error:
                    _log.debug("%s is still no way: %s", endpoint, self._words(endpoint, error))
                else:
                    return endpoint

    def _switch(self, routes: Routes, better: Endpoint) -> float:
        """One that answers and then does not serve is looked at ever more seldom."""
        _log.info("%s answers again; leaving %s for it", better, routes.current)
        routes.prefer(better)
        self._better_after_s = min(2 * self._better_after_s, SELDOM_S)
        return 0.0

    def _next_s(self, routes: Routes, *, stood: bool) -> float:
        if stood:
            if not routes.better:
                self._better_after_s = self._pace.better_after_s
            self._backoff.reset()
        elif not routes.failed():
            return self._backoff.soon_s()
        return self._backoff.next_s()

    async def _found(self, routes: Routes) -> None:
        away = "" if self._lost_s is None else f" after {self._clock.monotonic_s() - self._lost_s:.0f} s"
        _log.info("connected to %s as %s%s", routes.current, self._config.mqtt_username, away)
        self._lost_s = None
        self._said.clear()
        if routes.worked():
            await asyncio.to_thread(self._memory.keep, str(routes.current))

    def _lost(self, endpoint: Endpoint, error: MqttError, wait_s: float) -> None:
        level = logging.DEBUG if endpoint in self._said else logging.WARNING
        self._said.add(endpoint)
        if self._lost_s is None:
            self._lost_s = self._clock.monotonic_s()
        _log.log(level, "no connection to %s: %s; next try in %.1f s", endpoint, self._words(endpoint, error), wait_s)

    def _words(self, endpoint: Endpoint, error: MqttError) -> str:
        return in_words(error, endpoint, self._config.proxy, now_ms=self._clock.now_ms())

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
