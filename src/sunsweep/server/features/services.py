"""What a backend process holds once and hands to whoever needs it."""

from dataclasses import dataclass, field

from sunsweep.mqtt.port import Client
from sunsweep.server.clock import Clock, wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.features.accounts.gate import Gate
from sunsweep.server.features.accounts.tokens import Tokens
from sunsweep.server.features.audit.refusals import Refusals
from sunsweep.server.features.enrolment.tries import Limit, Tries
from sunsweep.server.settings import ServeSettings


@dataclass(frozen=True)
class Services:
    """The process's own parts; `bus` carries the internal news, and is also what `/readyz` asks of the broker."""

    settings: ServeSettings
    database: Database
    bus: Client
    tokens: Tokens
    now_ms: Clock = field(default=wall_clock)
    enrolment_tries: Tries = field(default_factory=Tries)
    app_error_tries: Tries = field(default_factory=lambda: Tries(per_address=Limit(5, 15.0), overall=Limit(30, 6.0)))
    login_gate: Gate = field(default_factory=Gate)
    reset_gate: Gate = field(default_factory=Gate)
    refusals: Refusals = field(default_factory=Refusals)
