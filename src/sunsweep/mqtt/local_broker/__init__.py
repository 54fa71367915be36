"""Debian's mosquitto, run privately in a directory of ours: for a laptop and for tests."""

from sunsweep.mqtt.local_broker.broker import LocalBroker
from sunsweep.mqtt.local_broker.errors import BrokerError, PortBusyError
from sunsweep.mqtt.port import BrokerUser, Member, Rule

__all__ = ["BrokerError", "BrokerUser", "LocalBroker", "Member", "PortBusyError", "Rule"]
