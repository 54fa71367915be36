"""One connection to the broker, opened and closed without leaving anything behind."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from aiomqtt import Client, MqttError, ProtocolVersion, TLSParameters, Will
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from sunsweep.machine.config import MachineConfig
from sunsweep.machine.endpoint import Endpoint
from sunsweep.machine.window import BATCH

KEEPALIVE_S: Final = 30
TIMEOUT_S: Final = 10.0
_ABANDON_AFTER_S: Final = 1.0
_REFUSED_CREDENTIALS: Final = frozenset({4, 5, 0x86, 0x87})
"""Bad user name or password, not authorised: of MQTT 3.1.1 and of MQTT 5."""

_paho_log = logging.getLogger("sunsweep.machine.paho")
_paho_log.setLevel(logging.ERROR)


def refused_credentials(error: MqttError) -> bool:
    """Whether the broker said that it does not know us; trying again soon changes nothing."""
    if not isinstance(error, MqttConnectError):
        return False
    code = error.rc.value if isinstance(error.rc, ReasonCode) else error.rc
    return code in _REFUSED_CREDENTIALS


@asynccontextmanager
async def connected(
    config: MachineConfig, endpoint: Endpoint, will: Will, *, identifier: str | None = None
) -> AsyncIterator[Client]:
    """An open connection; a new client each time, so that no message waits in a hidden queue.

    Without an `identifier` it is the machine's own, and ends any other connection that has it.
    """
    client = _client(config, endpoint, will, identifier or config.mqtt_username)
    entering = asyncio.create_task(client.__aenter__(), name=f"mqtt-connect-{config.machine_id}")
    try:
        await asyncio.shield(entering)
    except BaseException:
        # The library's thread cannot be called back: wait for it a little, so that its socket can be closed.
        await asyncio.wait([entering], timeout=_ABANDON_AFTER_S)
        entering.cancel()
        with suppress(asyncio.CancelledError, MqttError):
            await entering
        _let_go(client)
        raise
    try:
        yield client
    finally:
        with suppress(MqttError, TimeoutError):
            async with asyncio.timeout(_ABANDON_AFTER_S):
                await client.__aexit__(None, None, None)
        _let_go(client)


def _client(config: MachineConfig, endpoint: Endpoint, will: Will, identifier: str) -> Client:
    client = Client(
        endpoint.host,
        endpoint.port,
        username=config.mqtt_username,
        password=config.mqtt_password,
        identifier=identifier,
        protocol=ProtocolVersion.V5,
        clean_start=True,
        will=will,
        transport=endpoint.transport,
        websocket_path=endpoint.path if endpoint.transport == "websockets" else None,
        tls_params=_tls(config) if endpoint.tls else None,
        keepalive=KEEPALIVE_S,
        timeout=TIMEOUT_S,
        max_inflight_messages=2 * BATCH,
        max_queued_incoming_messages=1000,
        logger=_paho_log,
    )
    client.pending_calls_threshold = 2 * BATCH
    return client


def _tls(config: MachineConfig) -> TLSParameters:
    return TLSParameters(ca_certs=None if config.ca_file is None else str(Path(config.ca_file)))


def _let_go(client: Client) -> None:
    """Close what a failed or broken connection leaves open; the library has no public word for it."""
    client._client._sock_close()  # noqa: SLF001
    if client._misc_task is not None:  # noqa: SLF001
        client._misc_task.cancel()  # noqa: SLF001
