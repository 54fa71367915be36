"""What cannot be stored is kept as it came, with the reason, for those who can mend it."""

from typing import Final

from sunsweep.server.db.statements import Row, Table
from sunsweep.server.ingest.messages import Rejected

DEAD_LETTERS: Final = Table(
    "dead_letter",
    (),
    ("company_id", "machine_id", "topic", "payload", "size", "reason", "detail", "received_at"),
)


def dead_letter(rejected: Rejected) -> Row:
    """The row of a refusal; its company is told only where the topic's machine is that company's."""
    machine, message = rejected.machine, rejected.message
    return (
        machine.company_id if machine else None,
        machine.id if machine else None,
        message.topic[:512],
        message.payload,
        len(message.payload),
        str(rejected.reason),
        rejected.detail[:255],
        message.received_ms,
    )
