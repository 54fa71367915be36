"""What a request is here, whoever carries it: the browser's `fetch`, or a client of our own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

TIMEOUT_S: Final = 20.0
"""The server answers within its own, shorter limits; whoever is silent for longer is away."""


class UnreachableError(Exception):
    """Nobody answered: no route, no listener, no handshake, or a connection that broke."""


class TooSlowError(UnreachableError):
    """Nobody answered in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, whatever its status; the names of its headers are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Http(Protocol):
    """Carries one request; the path begins at the server's root."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """Raises `UnreachableError`. A query's values that are None are left out, lists are repeated."""
        ...


def query_pairs(query: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """A query as the wire has it."""
    return [
        (name, str(one).lower() if isinstance(one, bool) else str(one))
        for name, value in (query or {}).items()
        for one in (value if isinstance(value, list | tuple) else (value,))
        if one is not None
    ]
