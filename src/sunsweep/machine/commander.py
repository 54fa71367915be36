"""From a delivered command to a deed, and to the words about it."""

import logging
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from sunsweep.contract.commands import Order
from sunsweep.contract.payloads import Result, ResultState
from sunsweep.machine.guard import Delivery, Execute, Guard, Refuse, Repeat
from sunsweep.machine.orders import GOALS
from sunsweep.machine.pilot import Move, Pilot, Rejected
from sunsweep.machine.states import MOVES, State

_log = logging.getLogger(__name__)


class Errand(Struct, frozen=True):
    """A command under way: `via` is the state that its first move led to."""

    id: str
    order: Order
    via: State


class Commander:
    """`report` takes every word on a command that carried an id."""

    def __init__(self, guard: Guard, report: Callable[[Result], None]) -> None:
        self._guard = guard
        self._report = report
        self._errands: list[Errand] = []
        self.last_order: Order | None = None

    async def take(self, delivery: Delivery, pilot: Pilot) -> None:
        """Judge one delivery and see to it."""
        verdict = self._guard.judge(delivery)
        if isinstance(verdict, Repeat):
            self._report(verdict.result)
        elif isinstance(verdict, Refuse):
            _log.warning("command refused (%s): %s", verdict.reason, verdict.message)
            self._reject(verdict.id, verdict.reason, verdict.message)
        else:
            await self._execute(verdict, pilot)

    def hear(self, move: Move) -> None:
        """A move of the machine ends the errands it fulfils or makes impossible."""
        for errand in list(self._errands):
            if move.state in GOALS[errand.order]:
                self._end(errand, ResultState.SUCCEEDED, {"state": move.state})
            elif move.state is not errand.via:
                self._end(errand, ResultState.FAILED, _overtaken(move))
            else:
                self._say(errand.id, ResultState.RUNNING, {"state": move.state})

    async def _execute(self, verdict: Execute, pilot: Pilot) -> None:
        order, command = verdict
        _log.info("command %s %s", order, command.params)
        errand = None if command.id is None else Errand(command.id, order, MOVES[pilot.state].get(order, pilot.state))
        try:
            state = await pilot.order(order, command.params, taken=lambda: self._taken(errand))
        except Rejected as rejected:
            _log.warning("command %s refused (%s): %s", order, rejected.reason, rejected)
            self._reject(command.id, rejected.reason, str(rejected))
            return
        self.last_order = order
        self._settle(errand, state)

    def _taken(self, errand: Errand | None) -> None:
        if errand is not None:
            self._say(errand.id, ResultState.ACCEPTED, {})
            self._errands.append(errand)

    def _settle(self, errand: Errand | None, state: State) -> None:
        """An order that moved nothing is fulfilled already, or was on its way already."""
        if errand is None or errand not in self._errands:
            return
        if state in GOALS[errand.order]:
            self._end(errand, ResultState.SUCCEEDED, {"state": state, "already": True})
        elif errand.order is Order.RETURN_TO_DOCK and len(self._errands) > 1:
            self._say(errand.id, ResultState.RUNNING, {"state": state})

    def _end(self, errand: Errand, state: ResultState, detail: dict[str, Any]) -> None:
        self._errands.remove(errand)
        self._say(errand.id, state, detail)

    def _reject(self, command_id: str | None, reason: str, message: str) -> None:
        if command_id is not None:
            self._say(command_id, ResultState.REJECTED, {"reason": reason, "message": message})

    def _say(self, command_id: str, state: ResultState, detail: dict[str, Any]) -> None:
        result = Result(command_id, state, detail)
        self._guard.remember(result)
        self._report(result)


def _overtaken(move: Move) -> dict[str, Any]:
    message = move.words or f"overtaken by {move.cause.replace('_', ' ')}"
    return {"reason": str(move.cause), "message": message, "state": move.state}
