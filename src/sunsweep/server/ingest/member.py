"""One member: a session, read from the moment its seat is taken until it is left or wanted no more."""

import asyncio

import structlog

from sunsweep.mqtt.forget import forget_session
from sunsweep.mqtt.port import MqttError
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server.ingest.pipeline import Ingest

log = structlog.get_logger(__name__)

_LOOK_S = 0.1
_TRY_AGAIN_S = 1.0


class Member:
    """Runs an `Ingest` and follows the number of members that are wanted."""

    def __init__(
        self, ingest: Ingest, connection: ConnectionSettings, *, number: int, members: int, settle_s: float
    ) -> None:
        self.number = number
        self.leaving = False
        self._ingest = ingest
        self._connection = connection
        self._wanted = members
        self._following = members
        self._settle_s = settle_s
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def follow(self, members: int) -> None:
        """So many members there are to be."""
        self._wanted = members
        if members != self._following or self._is_surplus:
            self._news.set()

    def hand_over(self) -> None:
        """Take nothing more in, store what has arrived, and leave; the session stays."""
        self.leaving = True
        self._stop()

    def step_down(self) -> None:
        """The session is another worker's: leave at once, it has everything that was not acknowledged."""
        self.leaving = True
        self._ingest.stop_at_once()
        self._stop()

    async def run(self) -> None:
        """Until it is told to leave (cancelled), or its session has been drained and ended."""
        self._task = asyncio.current_task()
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._ingest.run(), name=f"ingest-{self.number}")
            await self._until_surplus()
            await self._until_drained()
            reading.cancel()
        await self._end_session()

    @property
    def _is_surplus(self) -> bool:
        return self.number >= self._wanted

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _until_surplus(self) -> None:
        while not self._is_surplus:
            if self._wanted != self._following:
                await self._subscribe(self._wanted)
            await self._news.wait()
            self._news.clear()

    async def _subscribe(self, members: int) -> None:
        try:
            await self._ingest.follow(members)
        except MqttError as error:
            log.warning("the subscriptions could not be changed; trying again", member=self.number, error=str(error))
        else:
            self._following = members

    async def _until_drained(self) -> None:
        """Nothing new is routed here; what waits in the session is stored. Nothing for a while: it is empty."""
        log.info("the member is not wanted any more; its session is drained", member=self.number)
        await self._ingest.unsubscribe()
        quiet_s, seen = 0.0, self._ingest.taken
        while quiet_s < self._settle_s:
            await asyncio.sleep(_LOOK_S)
            quiet = self._ingest.idle and self._ingest.taken == seen
            quiet_s, seen = (quiet_s + _LOOK_S if quiet else 0.0), self._ingest.taken

    async def _end_session(self) -> None:
        while True:
            try:
                await forget_session(self._connection)
            except (MqttError, OSError) as error:
                log.debug("the session could not be ended; trying again", member=self.number, error=str(error))
                await asyncio.sleep(_TRY_AGAIN_S)
            else:
                log.info("the session is drained and ended", member=self.number)
                return
