"""Stand in once for a member after each start of mosquitto.

At a SIGHUP after a restart, mosquitto silently stops queueing for every persistent session that has not reconnected
since, although publishers are acknowledged; and shared subscriptions it does not restore at all. So somebody connects
with the session, subscribes again, and leaves without taking anything.
"""

import logging
from collections.abc import Sequence

from sunsweep.mqtt.connect import opened
from sunsweep.mqtt.link import Link
from sunsweep.mqtt.port import Member, Message, NotConnectedError
from sunsweep.mqtt.settings import ConnectionSettings

logger = logging.getLogger(__name__)


async def stand_in(member: Member, host: str, port: int) -> None:
    """Raises `RefusedError`, `NotAuthorisedError` or OSError where the session could not be made to stand."""
    settings = ConnectionSettings(
        host=host,
        port=port,
        username=member.username,
        password=member.password,
        client_id=member.client_id,
        clean_start=False,
        session_expiry_s=member.session_expiry_s,
        receive_maximum=1,
    )
    link = Link(settings, 0, on_messages=_leave_it, clock_ms=lambda: 0)
    try:
        async with opened(link, settings):
            await link.exchange.subscribe(member.subscriptions)
    except NotConnectedError:
        # Whoever could end our connection here is the member itself, come back: then its session stands.
        logger.debug("%s has come back by itself", member.client_id)


def _leave_it(messages: Sequence[Message]) -> None:
    """Not acknowledged: it stays with the broker."""
