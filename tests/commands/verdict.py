"""What must hold, whatever happens: asked at every deed, after every act, and once the world has come to rest."""

from typing import Any, Final

from sunsweep.contract.codec import decode_command, decode_status
from sunsweep.contract.commands import STOP_RANK
from sunsweep.contract.topics import Channel
from sunsweep.server.db.models import CommandRow
from sunsweep.server.features.catalogue.effects import BUILT_IN, effects, plain
from sunsweep.server.features.commands.lifecycle import State
from tests.commands.broker import Packet
from tests.commands.machines import Deed, is_start_like

OF_THE_MACHINE: Final = frozenset({State.ACCEPTED, State.RUNNING, State.SUCCEEDED, State.FAILED, State.REJECTED})
"""States that a machine's own word alone leads to, where it answers with results."""
UNHEARD: Final = frozenset({State.QUEUED, State.SENT, State.UNCONFIRMED, State.EXPIRED, State.CANCELLED})
UNDER_WAY: Final = frozenset({State.ACCEPTED, State.RUNNING})
_EFFECTS: Final = effects(BUILT_IN)


class Verdict:
    """Gathers what is wrong; `check` raises it."""

    def __init__(self, world: Any) -> None:
        self.over = False
        self._world = world
        self._wrong: list[str] = []
        self._bare_sent: dict[str, float] = {}
        """When a command first reached the bare machine's connection."""
        self._bare_said: list[tuple[float, str | None]] = []
        self._stops_sent: list[str] = []

    def check(self) -> None:
        """After every act."""
        self._wrong += self._world.loop.troubles
        self._world.loop.troubles.clear()
        self._check_words()
        assert not self._wrong, "\n".join(self._wrong)

    def check_at_rest(self) -> None:
        """Everything has run for a while, and everything reached everything."""
        rows = {row.id: row for row in self._world.rows()}
        words = self._words()
        events = self._world.events()
        superseded = {event.command_id for event in events if event.reason.startswith("superseded")}
        settled = superseded | self._world.closed
        for given in self._world.given:
            row = rows[given.id]
            if row.state in {State.QUEUED, State.SENT}:
                self._say(row, "nobody does anything about it any more")
            if given.command in STOP_RANK and row.id not in settled and not self._done(row, words):
                self._say(row, "a stop was never done")
            if given.slot is self._world.real:
                self._check_last_word(row, words.get(row.id, []))
            else:
                self._check_proof(row)
        self.check()

    def real_did(self, before: list[Deed], deed: Deed) -> None:
        """Called by the body at the moment of the deed."""
        command = deed.command
        if self.over or command.id is None or not is_start_like(command.command):
            return
        if any(other.command.id == command.id for other in before):
            self._wrong.append(f"{command.command} {command.id} was done twice")
        if deed.expires_in_s is not None and deed.expires_in_s <= 0:
            self._wrong.append(f"{command.command} {command.id} was done after its Message Expiry")
        if deed.synchronised and command.expires_at_ms is not None and deed.clock_ms >= command.expires_at_ms:
            self._wrong.append(f"{command.command} {command.id} was done after its time")
        stops = [other.command.id for other in before if other.command.command in STOP_RANK]
        if command.id < max(filter(None, stops), default=""):
            self._wrong.append(f"{command.command} {command.id} was done after a newer stop")

    def routed(self, packet: Packet, reached: bool) -> None:  # noqa: FBT001  the broker's own word
        """Called by the broker at every message."""
        bare = self._world.bare
        if self.over:
            return
        if packet.topic == bare.topic_of(Channel.STATUS):
            self._bare_said.append((self._world.loop.time(), decode_status(packet.payload).status))
        elif packet.topic == str(bare.topic) and reached:
            self._sent_to_bare(packet)

    def _sent_to_bare(self, packet: Packet) -> None:
        command = decode_command(packet.payload)
        if command.id is None:
            self._wrong.append(f"{command.command} was sent without an id")
            return
        if is_start_like(command.command):
            if command.id in self._bare_sent:
                self._wrong.append(f"{command.command} {command.id} was sent to a bare machine twice")
            newer = [other for other in self._stops_sent if other > command.id]
            if newer:
                self._wrong.append(f"{command.command} {command.id} was sent after the newer stop {newer[0]}")
        else:
            self._stops_sent.append(command.id)
        self._bare_sent.setdefault(command.id, self._world.loop.time())

    def _words(self) -> dict[str, list[str]]:
        """What the real machine has said of each command and the ingest has stored, in its own order."""
        boots = self._world.real.boots
        found: dict[str, list[str]] = {}
        for result in sorted(self._world.results(), key=lambda one: (boots.index(one.boot), one.seq)):
            found.setdefault(result.command_id, []).append(result.state)
        return found

    def _check_words(self) -> None:
        """What a row shows as the machine's word was said by it."""
        words = self._words()
        for row in self._world.rows():
            of_the_machine = row.machine_id == self._world.real.machine_id and row.state in OF_THE_MACHINE
            if of_the_machine and row.state not in words.get(row.id, []):
                self._say(row, "and its machine never said so")

    def _check_last_word(self, row: CommandRow, words: list[str]) -> None:
        if not words:
            if row.state not in UNHEARD:
                self._say(row, "and its machine said nothing")
        elif row.state != words[-1] and not (words[-1] in UNDER_WAY and row.state == State.UNCONFIRMED):
            self._say(row, f"and its machine said {words}")
        if not words and any(deed.command.id == row.id for deed in self._world.real.deeds):
            self._say(row, "and its machine did it without a word")

    def _check_proof(self, row: CommandRow) -> None:
        """A bare machine's command has succeeded only where a status after it proves that."""
        if row.state in OF_THE_MACHINE - {State.SUCCEEDED}:
            self._say(row, "and its machine says nothing of commands")
        if row.state == State.SUCCEEDED and not self._is_proved(row):
            self._say(row, f"and no status proves it: {self._bare_said}")

    def _is_proved(self, row: CommandRow) -> bool:
        sent_s = self._bare_sent.get(row.id)
        states = _EFFECTS.proved_by.get(row.command, frozenset())
        return sent_s is not None and any(at >= sent_s and plain(said) in states for at, said in self._bare_said)

    def _done(self, row: CommandRow, words: dict[str, list[str]]) -> bool:
        """Whether a stop was done, or taken back in time, or refused by the machine in words."""
        if row.state == State.CANCELLED:
            return True
        if row.machine_id == self._world.bare.machine_id:
            # A machine that stands still proves a stop that it never heard: that is all a bare one can prove.
            return row.state == State.SUCCEEDED or any(command.id == row.id for command in self._world.bare.did)
        done = any(deed.command.id == row.id for deed in self._world.real.deeds)
        return done or State.REJECTED in words.get(row.id, [])

    def _say(self, row: CommandRow, what: str) -> None:
        self._wrong.append(f"{row.command} {row.id} is {row.state} ({row.reason}), {what}")
