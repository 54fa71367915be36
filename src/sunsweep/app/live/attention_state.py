"""What a machine is shown as: the one list of states, worst first."""

from enum import StrEnum


class AttentionState(StrEnum):
    """In the order in which machines need somebody; from `paused` on they do not."""

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
    """It says something that only its own people know, or has said nothing yet."""
