"""From a delivered command to a deed, and to the words about it."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct

from sunsweep.contract.commands import Order
from sunsweep.contract.parameters import BadParameter
from sunsweep.contract.payloads import Command, Result, ResultState
from sunsweep.machine.guard import Delivery, Execute, Guard, Refuse, Repeat
from sunsweep.machine.orders import GOALS
from sunsweep.machine.pilot import Move, Pilot, Rejected, Taken
from sunsweep.machine.states import State

Configure = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Puts settings in force, and tells which are; raises `BadParameter`."""

_log = logging.getLogger(__name__)


class Errand(Struct, frozen=True):
    """A command under way: `via` is the state that it leads to first, `still` where the machine was in it before."""

    id: str
    order: Order
    via: State
    still: bool


class Commander:
    """`report` takes every word on a command that carried an id. The pilot obeys all of them but `configure`."""

    def __init__(self, guard: Guard, report: Callable[[Result], None], configure: Configure) -> None:
        self._guard = guard
        self._report = report
        self._configure = configure
        self._errands: list[Errand] = []
        self.last_order: Order | None = None

    def wake(self) -> None:
        """Say what became of the commands that the last end of the program broke off: the machine stands still now."""
        for command_id in self._guard.broken_off():
            detail = {"reason": "restarted", "message": "the machine's program was started again meanwhile"}
            self._say(command_id, ResultState.FAILED, detail)

    async def take(self, delivery: Delivery, pilot: Pilot) -> None:
        """Judge one delivery and see to it."""
        verdict = self._guard.judge(delivery)
        if isinstance(verdict, Repeat):
            self._report(verdict.result)
        elif isinstance(verdict, Refuse):
            _log.warning("command refused (%s): %s", verdict.reason, verdict.message)
            # Not remembered: the same command may come again in a way that lets it run, and a stop must.
            if verdict.id is not None:
                self._report(_rejection(verdict.id, verdict.reason, verdict.message))
        elif verdict.order is Order.CONFIGURE:
            await self._set(verdict.command)
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

    async def _set(self, command: Command) -> None:
        """In every state of the machine, for nothing moves by it."""
        _log.info("command %s %s", Order.CONFIGURE, command.params)
        try:
            result = ResultState.SUCCEEDED, await self._configure(command.params)
        except BadParameter as error:
            _log.warning("command %s refused: %s", Order.CONFIGURE, error)
            detail = {"reason": "bad_parameter", "message": str(error), "field": error.field}
            result = ResultState.REJECTED, detail
        if command.id is not None:
            self._say(command.id, *result)

    async def _execute(self, verdict: Execute, pilot: Pilot) -> None:
        order, command = verdict
        _log.info("command %s %s", order, command.params)
        under_way: list[Errand] = []
        try:
            state = await pilot.order(order, command.params, taken=self._taker(verdict, under_way))
        except Rejected as rejected:
            _log.warning("command %s refused (%s): %s", order, rejected.reason, rejected)
            if command.id is not None:
                self._keep_and_report(_rejection(command.id, rejected.reason, str(rejected)))
            return
        self.last_order = order
        for errand in under_way:
            self._settle(errand, state)

    def _taker(self, verdict: Execute, under_way: list[Errand]) -> Taken:
        order, command = verdict

        def taken(before: State, after: State) -> None:
            if command.id is None:
                return
            errand = Errand(command.id, order, after, still=before is after)
            under_way.append(errand)
            self._errands.append(errand)
            self._say(command.id, ResultState.ACCEPTED, {})

        return taken

    def _settle(self, errand: Errand, state: State) -> None:
        """What no move has answered: the order was fulfilled before, was on its way before, or did not work."""
        if errand not in self._errands:
            return
        if state in GOALS[errand.order]:
            self._end(errand, ResultState.SUCCEEDED, {"state": state, "already": True})
        elif state is not errand.via:
            self._end(errand, ResultState.FAILED, {"reason": "hardware", "state": state})
        elif errand.still:
            self._say(errand.id, ResultState.RUNNING, {"state": state})

    def _end(self, errand: Errand, state: ResultState, detail: dict[str, Any]) -> None:
        self._errands.remove(errand)
        self._say(errand.id, state, detail)

    def _say(self, command_id: str, state: ResultState, detail: dict[str, Any]) -> None:
        self._keep_and_report(Result(command_id, state, detail))

    def _keep_and_report(self, result: Result) -> None:
        self._guard.remember(result)
        self._report(result)


def _rejection(command_id: str, reason: str, message: str) -> Result:
    return Result(command_id, ResultState.REJECTED, {"reason": reason, "message": message})


def _overtaken(move: Move) -> dict[str, Any]:
    message = move.words or f"overtaken by {move.cause.replace('_', ' ')}"
    return {"reason": str(move.cause), "message": message, "state": move.state}
