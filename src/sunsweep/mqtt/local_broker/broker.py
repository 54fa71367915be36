"""The local broker from the outside: start, apply, run, stop."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from sunsweep.mqtt.backoff import Backoff
from sunsweep.mqtt.local_broker import place
from sunsweep.mqtt.local_broker.errors import BrokerError
from sunsweep.mqtt.local_broker.files import write_configuration, write_users
from sunsweep.mqtt.local_broker.lock import DirectoryLock
from sunsweep.mqtt.local_broker.log import BrokerLog
from sunsweep.mqtt.local_broker.process import BrokerProcess
from sunsweep.mqtt.local_broker.refusals import OnRefused, RefusedLogins
from sunsweep.mqtt.local_broker.stand_in import stand_in
from sunsweep.mqtt.port import BrokerUser, Member, MqttError, OnConnected, unheeded

logger = logging.getLogger(__name__)

_STEADY_S: Final = 60


class LocalBroker:
    """One mosquitto in one directory. Every change goes through one lock, so that no two of them overlap."""

    def __init__(
        self,
        directory: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 1883,
        backoff: Backoff | None = None,
        on_refused: OnRefused | None = None,
        on_connected: OnConnected = unheeded,
    ) -> None:
        self.host = host
        self.port = port
        self._directory = directory.absolute()
        self._directory_lock = DirectoryLock(self._directory)
        self._backoff = backoff or Backoff()
        self._refused = RefusedLogins(on_refused=on_refused)
        self._on_connected = on_connected
        self._one_at_a_time = asyncio.Lock()
        self._users: tuple[BrokerUser, ...] = ()
        self._members: tuple[Member, ...] = ()
        self._process: BrokerProcess | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Of the mosquitto that runs now."""
        return self._process.pid if self._process is not None and self._process.alive else None

    async def start(self, users: Iterable[BrokerUser], members: Sequence[Member] = ()) -> None:
        """Returns once it listens and every member's session stands; raises `BrokerError`, `PortBusyError`."""
        async with self._one_at_a_time:
            self._users, self._members = tuple(users), tuple(members)
            self._stopping.clear()
            try:
                await self._launch()
            except BaseException:
                self._directory_lock.release()
                raise

    async def apply(self, users: Iterable[BrokerUser]) -> None:
        """Put these users in force; the connections of all others end. A broker that is down starts with them."""
        async with self._one_at_a_time:
            self._users = tuple(users)
            if self._process is not None:
                await asyncio.to_thread(write_users, self._directory, self._users)
                await self._process.reload()

    def stand_in_for(self, members: Sequence[Member]) -> None:
        """From the next start on, whoever starts it."""
        self._members = tuple(members)

    async def run(self) -> None:
        """Supervise until `stop`: a mosquitto that died by itself is started again."""
        loop = asyncio.get_running_loop()
        while (process := self._process) is not None:
            since_s = loop.time()
            code = await asyncio.shield(process.exited)
            if self._stopping.is_set():
                return
            logger.error("mosquitto ended by itself (%d): %s", code, process.last_words())
            if loop.time() - since_s > _STEADY_S:
                self._backoff.reset()
            await self._revive()

    async def stop(self) -> None:
        """SIGTERM and wait until it has saved; nothing is left running."""
        self._stopping.set()
        async with self._one_at_a_time:
            if self._process is not None:
                await self._process.stop()
            self._process = None
            self._directory_lock.release()
            self._refused.close()

    async def _revive(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._backoff.next_s()):
                    await self._stopping.wait()
            async with self._one_at_a_time:
                if self._stopping.is_set():
                    return
                try:
                    await self._launch()
                except BrokerError as error:
                    logger.error("the broker does not come back: %s", error)  # noqa: TRY400  its words suffice
                else:
                    return

    async def _launch(self) -> None:
        """Called one at a time, so that no SIGHUP comes before the members' sessions stand."""
        program = await asyncio.to_thread(self._prepare)
        process = BrokerProcess(BrokerLog(self._refused, on_connected=self._on_connected).line)
        address = (place.reachable(self.host), self.port)
        try:
            await process.start(
                program,
                self._directory / "mosquitto.conf",
                address=address,
                inherited=self._directory_lock.handle,
            )
            for member in self._members:
                await self._stand_in(member, address)
        except BaseException:
            await process.stop()
            raise
        self._process = process
        logger.info("the broker listens on %s:%d", self.host, self.port)

    def _prepare(self) -> str:
        program = place.find_mosquitto()
        write_configuration(self._directory, self.host, self.port)
        self._directory_lock.acquire()
        place.check_port(self.host, self.port)
        write_users(self._directory, self._users)
        return program

    async def _stand_in(self, member: Member, address: tuple[str, int]) -> None:
        try:
            await stand_in(member, *address)
        except (MqttError, OSError) as error:
            raise BrokerError(f"the session of {member.client_id} does not stand: {error}") from error
