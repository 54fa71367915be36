"""What a WebSocket is here, whoever carries it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

ABNORMAL: Final = 1006
"""The connection broke without a close frame (RFC 6455, section 7.1.5)."""
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
"""A message of 500 snapshots has some 300 kB."""
MAX_WAITING: Final = 1024
"""Messages that are held for a reader who does not come; beyond it the socket ends, and is opened anew later."""


class Socket(Protocol):
    """An open socket: a reader of texts, until it ends."""

    def __aiter__(self) -> AsyncIterator[str]:
        """The texts as they come; ends with the socket, whoever ended it."""
        ...

    @property
    def close_code(self) -> int:
        """Why it has ended, once the texts have."""
        ...


Connect = Callable[[str], AbstractAsyncContextManager[Socket]]
"""Opens a socket by its path and query; raises `UnreachableError`."""
