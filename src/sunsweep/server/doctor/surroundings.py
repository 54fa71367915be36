"""What every check is handed: the settings, the database, clocks, and from where on something is too little."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.features.audit.actions import Action
from sunsweep.server.settings import BackendSettings, ServeSettings

GIB: Final = 2**30

Note = Callable[[AsyncSession, Action, str, Mapping[str, Any]], Awaitable[None]]
"""Adds an entry of the platform's own to the audit log: the action, its object, its detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on something is told."""

    min_free_bytes: int = 2 * GIB
    """Less on a disk fails; less than three times as much is warned of."""
    clock_apart_ms: int = 2_000
    clock_far_apart_ms: int = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """`serving` is None where what `sunsweep serve` needs is not set here; `serving_fault` says what is missing."""

    settings: BackendSettings
    serving: ServeSettings | None
    serving_fault: str = ""
    database: Database
    folder: Path | None = None
    """Of `sunsweep up`."""
    now_ms: Clock
    synchronised: Callable[[], bool]
    """Whether the system's clock is set by somebody who knows."""
    note: Note
    limits: Limits = field(default_factory=Limits)
    metrics_urls: tuple[str, ...] = ()
    """Pages of `/metrics` beside the one of `serve` on this computer."""
