"""Companies stand in line each for itself, and are served in turn."""

from collections import deque
from typing import Final

from sunsweep.mqtt.port import Message

_ANY_SIZE: Final = 2**63
_COMPANY_AT: Final = len("company/")


class Line:
    """What one company's machines have sent and nobody has taken; of that, what came at QoS 0."""

    __slots__ = ("messages", "qos0", "qos0_bytes")

    def __init__(self) -> None:
        self.messages: deque[Message] = deque()
        self.qos0 = 0
        self.qos0_bytes = 0

    def append(self, message: Message) -> None:
        self.messages.append(message)
        if message.qos == 0:
            self.qos0 += 1
            self.qos0_bytes += len(message.payload)

    def take(self, limit: int, *, share_bytes: int, room_bytes: int) -> tuple[list[Message], int]:
        """At most `limit` messages, oldest first, of `share_bytes`; the first may fill the room. And their bytes."""
        taken: list[Message] = []
        messages, total = self.messages, 0
        share_bytes = min(share_bytes, room_bytes)
        while messages and len(taken) < limit:
            message = messages[0]
            size = len(message.payload)
            if total + size > (share_bytes if taken else room_bytes):
                break
            total += size
            if message.qos == 0:
                self.qos0 -= 1
                self.qos0_bytes -= size
            taken.append(messages.popleft())
        return taken, total


class Lines:
    """The line of each company that has any; who was served least lately is first."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def of(self, message: Message) -> Line:
        """Where a message stands, or would: an empty line is there until the next `take`."""
        # By the topic's word, which the broker has checked; it is looked up later.
        topic = message.topic
        company = topic[_COMPANY_AT : topic.find("/", _COMPANY_AT)]
        line = self._lines.get(company)
        if line is None:
            line = self._lines[company] = Line()
        return line

    @property
    def with_qos0(self) -> int:
        """How many companies have messages of QoS 0 waiting."""
        return sum([1 for line in self._lines.values() if line.qos0])

    def oldest_ms(self) -> int | None:
        """When the oldest was received; whoever asks may be another thread."""
        try:
            return min([line.messages[0].received_ms for line in list(self._lines.values()) if line.messages])
        except (IndexError, RuntimeError, ValueError):
            return None

    def take(self, limit: int, *, max_bytes: int) -> tuple[list[Message], int]:
        """At most `limit` messages and (beyond the first) `max_bytes` of payload; and their bytes.

        Of each company an equal share, its oldest first; what one does not need of its share is the others'.
        """
        taken: list[Message] = []
        total = 0
        while self._lines and len(taken) < limit:
            some, size = self._round(limit - len(taken), max_bytes - total, may_exceed=not taken)
            if not some:
                break
            taken += some
            total += size
        return taken, total

    def _round(self, limit: int, room_bytes: int, *, may_exceed: bool) -> tuple[list[Message], int]:
        """Everybody's turn once."""
        taken: list[Message] = []
        total = 0
        share, share_bytes = max(1, limit // len(self._lines)), room_bytes // len(self._lines)
        for company in list(self._lines):
            if len(taken) == limit:
                break
            line = self._lines.pop(company)
            room = room_bytes - total if taken or not may_exceed else _ANY_SIZE
            some, size = line.take(min(share, limit - len(taken)), share_bytes=share_bytes, room_bytes=room)
            taken += some
            total += size
            if line.messages:
                self._lines[company] = line
        return taken, total
