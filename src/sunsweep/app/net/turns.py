"""Whose turn it is to renew a login: each renewal is good once, and the tabs of a browser share it."""

from collections.abc import Awaitable, Callable

Work = Callable[[], Awaitable[None]]
InTurn = Callable[[Work], Awaitable[None]]
"""Does the work while nobody else who shares the login does."""


async def alone(work: Work) -> None:
    """Where nobody shares the login."""
    await work()
