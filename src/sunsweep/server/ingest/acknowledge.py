"""Acknowledges in the order of arrival, as MQTT demands (5.0, 4.6), in whatever order messages are stored."""

from collections import deque
from collections.abc import Sequence

from sunsweep.mqtt.port import Client, Message


class InOrder:
    """Holds back what is stored before its turn. What came over an earlier connection is nobody's turn any more."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._connection = 0
        self._unsettled: deque[Message] = deque()
        """Of the newest connection, as they came."""
        self._early: set[int] = set()
        """Packet ids of those that are stored."""

    def arrived(self, messages: Sequence[Message]) -> None:
        """Called from the connection for each read."""
        if messages[0].connection != self._connection:
            self._connection = messages[0].connection
            self._unsettled.clear()
            self._early.clear()
        self._unsettled.extend([message for message in messages if message.packet_id is not None])

    def settled(self, messages: Sequence[Message]) -> None:
        """These are committed: acknowledge them, and what waited for them, as far as the order allows."""
        connection, early, unsettled = self._connection, self._early, self._unsettled
        due = []
        for message in messages:
            if unsettled and unsettled[0] is message:
                due.append(unsettled.popleft())
            elif message.packet_id is not None and message.connection == connection:
                early.add(message.packet_id)
        while unsettled and unsettled[0].packet_id in early:
            message = unsettled.popleft()
            early.discard(message.packet_id)
            due.append(message)
        self._client.acknowledge(due)
