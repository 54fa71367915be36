"""One connection to the broker, opened and closed without leaving anything behind."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from aiomqtt import Client, MqttError, ProtocolVersion, Will
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import WebsocketConnectionError
from paho.mqtt.reasoncodes import ReasonCode

from sunsweep.machine.certificates import BadCertificateError, tls_context
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.dial import Dial
from sunsweep.machine.endpoint import Endpoint
from sunsweep.machine.reasons import CLOSED
from sunsweep.machine.window import BATCH

KEEPALIVE_S: Final = 30
TIMEOUT_S: Final = 10.0
_CONNECT_S: Final = 30.0
_ABANDON_AFTER_S: Final = 1.0
_REFUSED_CREDENTIALS: Final = frozenset({4, 5, 0x86, 0x87})
"""Bad user name or password, not authorised: of MQTT 3.1.1 and of MQTT 5."""

_log = logging.getLogger(__name__)
_paho_log = logging.getLogger("sunsweep.machine.paho")
_paho_log.setLevel(logging.ERROR)
_paho_log.addFilter(lambda record: not record.msg.startswith("failed to receive on socket"))  # we say that ourselves


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
    dial = await _dial(config, endpoint)
    client = _client(config, endpoint, dial, will, identifier=identifier)
    try:
        await _within_limit(client.__aenter__(), dial, name=f"mqtt-connect-{config.machine_id}")
        try:
            yield client
        finally:
            with suppress(MqttError, TimeoutError):
                async with asyncio.timeout(_ABANDON_AFTER_S):
                    await client.__aexit__(None, None, None)
    finally:
        _let_go(client)
        dial.close()


async def answers(config: MachineConfig, endpoint: Endpoint) -> str | None:
    """Whether TCP, TLS and WebSocket come to stand there, with no word of MQTT; raises `MqttError`.

    Until when the broker's certificate is good, as it says itself; None without TLS.
    """
    dial = await _dial(config, endpoint)
    client = _client(config, endpoint, dial, None)
    try:
        await _within_limit(asyncio.to_thread(_open, client, endpoint), dial, name="mqtt-probe")
    except (OSError, WebsocketConnectionError) as error:
        raise MqttError(str(error)) from error
    finally:
        dial.close()
    return dial.good_until


def _open(client: Client, endpoint: Endpoint) -> None:
    library = client._client  # noqa: SLF001
    library.connect_async(endpoint.host, endpoint.port)
    library._create_socket()  # noqa: SLF001


async def _dial(config: MachineConfig, endpoint: Endpoint) -> Dial:
    """The files are read at each connection: a certificate may have been renewed meanwhile."""
    context = None
    if endpoint.tls:
        files = (config.ca_file, config.client_cert_file, config.client_key_file)
        try:
            context = await asyncio.to_thread(tls_context, *files)
        except BadCertificateError as error:
            raise MqttError(str(error)) from error
    return Dial(endpoint, proxy=config.proxy, context=context, timeout_s=TIMEOUT_S)


async def _within_limit(opening: Coroutine[Any, Any, object], dial: Dial, *, name: str) -> None:
    """Wait for the library's thread, which cannot be called back: its socket can."""
    entering = asyncio.create_task(opening, name=name)
    try:
        async with asyncio.timeout(_CONNECT_S) as limit:
            await asyncio.shield(entering)
    except BaseException as error:
        dial.call_off()
        await asyncio.wait([entering], timeout=_ABANDON_AFTER_S)
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        if limit.expired():
            raise MqttError(f"no connection within {_CONNECT_S:.0f} s") from error
        raise


def _client(
    config: MachineConfig, endpoint: Endpoint, dial: Dial, will: Will | None, *, identifier: str | None = None
) -> Client:
    client = Client(
        endpoint.host,
        endpoint.port,
        username=config.mqtt_username,
        password=config.mqtt_password,
        identifier=identifier or config.mqtt_username,
        protocol=ProtocolVersion.V5,
        clean_start=True,
        will=will,
        transport=endpoint.transport,
        websocket_path=endpoint.path if endpoint.transport == "websockets" else None,
        tls_context=dial.context,
        keepalive=KEEPALIVE_S,
        timeout=TIMEOUT_S,
        max_inflight_messages=2 * BATCH,
        max_queued_incoming_messages=1000,
        logger=_paho_log,
    )
    client.pending_calls_threshold = 2 * BATCH
    _teach(client, dial)
    if not config.receipts:
        _heed_refusals(client)
    return client


def _teach(client: Client, dial: Dial) -> None:
    """What the library has no public word for: how to dial, and that an end before the welcome is an end."""
    library: Any = client._client  # noqa: SLF001
    library._create_socket_connection = dial.open  # noqa: SLF001
    library._ssl_wrap_socket = dial.secure  # noqa: SLF001
    library.connect_timeout = TIMEOUT_S
    told = library.on_disconnect

    def ended(*arguments: object) -> None:
        told(*arguments)
        if not client._connected.done():  # noqa: SLF001
            client._connected.set_exception(MqttError(CLOSED))  # noqa: SLF001

    library.on_disconnect = ended
    loop = asyncio.get_running_loop()
    library.on_socket_register_write = lambda *_: loop.call_soon_threadsafe(_write_on, loop, library)


def _heed_refusals(client: Client) -> None:
    """The library takes a PUBACK that says no for a yes: where that is all there is, the message would be lost."""
    library: Any = client._client  # noqa: SLF001
    told = library.on_publish

    def published(sender: object, data: object, mid: int, reason: ReasonCode, properties: object) -> None:
        if not reason.is_failure:
            told(sender, data, mid, reason, properties)
        elif not (ended := client._disconnected).done():  # noqa: SLF001
            _log.error("the broker does not take our messages (%s): has this machine the right to send them?", reason)
            ended.set_exception(MqttError(f"a message was refused ({reason})"))
            ended.exception()  # seen here, whoever else waits for it

    library.on_publish = published


def _write_on(loop: asyncio.AbstractEventLoop, library: Any) -> None:
    """The library's own way names a descriptor which by then may be closed, or somebody else's."""
    opened = library.socket()
    if opened is not None and opened.fileno() > -1:
        loop.add_writer(opened.fileno(), library.loop_write)


def _let_go(client: Client) -> None:
    """Close what a failed or broken connection leaves open; the library has no public word for it."""
    client._client._sock_close()  # noqa: SLF001
    if client._misc_task is not None:  # noqa: SLF001
        client._misc_task.cancel()  # noqa: SLF001
