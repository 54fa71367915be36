"""What passes from stage to stage."""

from typing import NamedTuple, final

from msgspec import Struct

from sunsweep.contract.payloads import Result, Status, Telemetry
from sunsweep.contract.refusal import Reason
from sunsweep.mqtt.port import Message


class MachineRef(NamedTuple):
    """A machine as the ingest knows it; `retention_ms` is how old a measurement may be."""

    id: int
    company_id: int
    serial: str
    retention_ms: int


@final
class Accepted(Struct, frozen=True, gc=False):
    """A message that can be stored: `ts_ms` places it in history, `order_ms` (min of ts and receipt) in state."""

    message: Message
    machine: MachineRef
    body: Telemetry | Status | Result
    ts_ms: int
    order_ms: int
    seq: int


class Rejected(NamedTuple):
    """A message that cannot; `numbered` is its (boot, seq) where these could be read."""

    message: Message
    machine: MachineRef | None
    reason: Reason
    detail: str
    numbered: tuple[int, int] | None


Decoded = Accepted | Rejected
