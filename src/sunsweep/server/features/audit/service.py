"""The audit log's one way in: who did what, to which object, when and from where.

An entry is written in the transaction of the change itself, so that there is neither one without the other. Never put
a secret into `detail`: companies' admins read it.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import json
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import AuditEntry
from sunsweep.server.features.audit import repository
from sunsweep.server.features.audit.actions import Action, Outcome
from sunsweep.server.features.audit.actors import Actor

MAX_DETAIL_BYTES: Final = 32 * 1024
_MAX_WORDS: Final = 254
_MAX_ADDRESS: Final = 64


async def record(
    session: AsyncSession,
    actor: Actor,
    action: Action,
    what: str,
    *,
    company_id: int | None,
    outcome: Outcome = Outcome.DONE,
    detail: Mapping[str, Any] | None = None,
    now_ms: int,
) -> None:
    """Add an entry; without a company it is the platform admin's to see."""
    entry = AuditEntry(
        at=now_ms,
        company_id=company_id,
        actor_kind=str(actor.kind),
        actor_id=actor.id,
        actor=_words(actor.name),
        # A proxy's word may be anything; the column is ASCII.
        address=actor.address.encode("ascii", "replace").decode()[:_MAX_ADDRESS],
        action=str(action),
        object=_words(what),
        outcome=str(outcome),
        detail=_document(detail or {}),
    )
    await repository.add(session, entry)


def _words(given: str) -> str:
    """Others' words: bounded, and no half of a character."""
    return given.encode(errors="replace").decode()[:_MAX_WORDS]


def _document(detail: Mapping[str, Any]) -> str:
    text = json.encode(detail)
    return text.decode() if len(text) <= MAX_DETAIL_BYTES else json.encode({"bytes": len(text)}).decode()
