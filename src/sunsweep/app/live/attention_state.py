"""How a machine stands, as an operator thinks of it."""

from enum import StrEnum


class AttentionState(StrEnum):
    """The worst first."""

    EMERGENCY_STOP = "emergency_stop"
    FAULT = "fault"
    STOP_UNCONFIRMED = "stop_unconfirmed"
    SILENT_WORKING = "silent_working"
    LOW = "low"
    REFUSED = "refused"
    OFFLINE = "offline"
    PAUSED = "paused"
    RETURNING = "returning"
    WORKING = "working"
    CHARGING = "charging"
    IDLE = "idle"
    DOCKED = "docked"
    UNKNOWN = "unknown"
