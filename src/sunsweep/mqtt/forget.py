"""End a persistent session at the broker, and what waits in it."""

from dataclasses import replace

from sunsweep.mqtt.connect import opened
from sunsweep.mqtt.link import Link
from sunsweep.mqtt.settings import ConnectionSettings


async def forget_session(settings: ConnectionSettings) -> None:
    """Connect with a clean start and leave; raises `RefusedError`, `NotConnectedError` or OSError."""
    fresh = replace(settings, clean_start=True, session_expiry_s=0)
    link = Link(fresh, 0, on_messages=lambda _: None, clock_ms=lambda: 0)
    async with opened(link, fresh):
        pass
