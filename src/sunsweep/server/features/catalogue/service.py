"""The catalogue of a machine: what is built in, and what its company says of its model."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.features.catalogue.effects import BUILT_IN, Effects, effects

_BUILT_IN: Final = effects(BUILT_IN)

Kind = tuple[int, str]
"""(company id, model)."""


async def effects_of(session: AsyncSession, kinds: Collection[Kind]) -> dict[Kind, Effects]:
    """The table of each of these models."""
    del session
    return dict.fromkeys(kinds, _BUILT_IN)


async def check(session: AsyncSession, kind: Kind, command: str, params: dict[str, Any]) -> None:
    """Raises `InvalidError` naming the field, before anything is sent."""
