"""Open one connection to a broker, and leave it properly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mqtt5 import ConnAckPacket, ConnAckReasonCode

from sunsweep.mqtt.link import Link
from sunsweep.mqtt.port import RefusedError
from sunsweep.mqtt.settings import ConnectionSettings

_LOGIN = (ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD, ConnAckReasonCode.NOT_AUTHORIZED)


@asynccontextmanager
async def opened(link: Link, settings: ConnectionSettings) -> AsyncIterator[None]:
    """A connection that the broker has welcomed; raises OSError, `RefusedError`, `NotConnectedError`."""
    try:
        _check_welcome(settings, await _welcome(link, settings))
        yield
    finally:
        await link.leave()


async def _welcome(link: Link, settings: ConnectionSettings) -> ConnAckPacket:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            await loop.create_connection(lambda: link, settings.host, settings.port, ssl=settings.tls)
            return await link.welcome
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {settings.connect_timeout_s:g} s") from error


def _check_welcome(settings: ConnectionSettings, welcome: ConnAckPacket) -> None:
    code = welcome.reason_code
    if code in _LOGIN:
        raise RefusedError(f"the broker refused the login of {settings.username or '(nobody)'}")
    if code != ConnAckReasonCode.SUCCESS:
        raise RefusedError(f"the broker refused the connection ({code.name})")
