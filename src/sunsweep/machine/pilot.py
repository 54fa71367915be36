"""Moves the machine through its states: by order, and by what the hardware reads back."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sunsweep.contract.commands import Order
from sunsweep.contract.parameters import BadParameter
from sunsweep.machine.interlocks import Interlocks, Objection
from sunsweep.machine.orders import plan_of
from sunsweep.machine.ports import Activity, Clock, Drive, Hardware, HardwareError, Plan, Reading
from sunsweep.machine.states import Cause, Happening, State, move, why_not

START_LIMIT_S: Final = 60.0
_WORKING: Final = frozenset({State.STARTING, State.RUNNING})
_MOVING: Final = frozenset({State.STARTING, State.RUNNING, State.RETURNING})
_STANDING: Final = frozenset({State.IDLE, State.PAUSED})
_log = logging.getLogger(__name__)


class Rejected(Exception):  # noqa: N818  a refusal, told to whoever gave the order
    """The order was not taken: a code for programs, words for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Move(NamedTuple):
    """The machine is in `state` now, and why."""

    state: State
    reading: Reading
    cause: Cause
    words: str = ""


Listener = Callable[[Move], None]
Taken = Callable[[State, State], None]


def _nothing(_before: State, _after: State) -> None:
    """Nobody waits to hear that the order was taken."""


class Pilot:
    """`listeners` hear of every move, in the order given, at once; `interlocks` may be changed at any time."""

    def __init__(self, hardware: Hardware, clock: Clock, *, interlocks: Interlocks, listeners: list[Listener]) -> None:
        self.state = State.DOCKED
        self.reading = Reading(Activity.STANDING)
        self.interlocks = interlocks
        self._sensors, self._drive, self._senses = hardware
        self._clock = clock
        self._listeners = listeners
        self._since_s = clock.monotonic_s()
        self._one_at_a_time = asyncio.Lock()

    async def wake(self, *, emergency: bool = False) -> None:
        """Find out where the machine stands: away from its dock it is idle until told.

        `emergency`: it was stopped so before the program ended, and nobody has reset it.
        """
        if emergency:
            self.state = State.EMERGENCY_STOP
            await self._cut_power()
        self.reading = await self._look()
        if emergency:
            return
        if self.reading.activity is not Activity.DOCKED:
            self.state = State.IDLE
            try:
                await self._drive.halt()
            except HardwareError as error:
                await self._break(str(error))

    async def rest(self) -> None:
        """The program ends: nothing may go on turning without it."""
        async with self._one_at_a_time:
            await self._halt()

    async def order(self, order: Order, params: Mapping[str, Any], *, taken: Taken = _nothing) -> State:
        """Do it or raise `Rejected`. Between the checks and the deed `taken` hears from where to where it leads."""
        async with self._one_at_a_time:
            target = move(self.state, order)
            if target is None:
                raise Rejected("illegal_move", why_not(self.state, order))
            plan = await self._check(order, params)
            taken(self.state, target)
            try:
                await self._act(order, plan)
            except HardwareError as error:
                await self._break(str(error))
                return self.state
            await self._refresh()
            self._enter(target, order)
            return self.state

    async def tick(self) -> None:
        """Look at the hardware and follow what it says."""
        async with self._one_at_a_time:
            try:
                self.reading = await self._sensors.read()
            except HardwareError as error:
                await self._break(f"the sensors do not answer: {error}")
                return
            noticed = self._notice(self.reading)
            if noticed is not None:
                await self._follow(*noticed)

    async def happen(self, happening: Happening, words: str) -> None:
        """Something outside of the hardware; where it leads nowhere nothing is done."""
        async with self._one_at_a_time:
            await self._follow(happening, words)

    async def _check(self, order: Order, params: Mapping[str, Any]) -> Plan:
        """Only what sets something moving is checked: a stop never waits for a sensor."""
        if order is Order.RESET:
            await self._check_reset()
        if order is Order.RETURN_TO_DOCK and self.state in _STANDING:
            await self._check_way_home()
        if order not in {Order.START_CLEANING, Order.RESUME}:
            return Plan()
        try:
            plan = plan_of(params) if order is Order.START_CLEANING else Plan()
        except BadParameter as error:
            raise Rejected("bad_parameter", str(error)) from error
        self.reading = await self._look()
        starting = order is Order.START_CLEANING
        held = self.interlocks.against_start if starting else self.interlocks.against_running
        if (objection := held(self.reading, self._senses)) is not None:
            raise Rejected("interlock", objection.words)
        return plan

    async def _check_reset(self) -> None:
        """Not while the cause lasts, and not while nobody knows whether it does."""
        await self._see()
        if self.reading.button_pressed:
            raise Rejected("interlock", "the emergency stop button is pressed: release it first")
        if (objection := self.interlocks.against_moving(self.reading, self._senses)) is not None:
            raise Rejected("interlock", objection.words)

    async def _check_way_home(self) -> None:
        """From a stand it is a start like any other; under way the order is taken as a stop is."""
        await self._see()
        if (objection := self.interlocks.against_setting_out(self.reading, self._senses)) is not None:
            raise Rejected("interlock", objection.words)

    async def _see(self) -> None:
        try:
            self.reading = await self._sensors.read()
        except HardwareError as error:
            raise Rejected("interlock", f"the sensors do not answer: {error}") from error

    async def _act(self, order: Order, plan: Plan) -> None:
        drive = self._drive
        if order is Order.START_CLEANING:
            await drive.start(plan)
        elif order is Order.RESET:
            await drive.restore_power()
        else:
            await _deed(drive, order)

    def _notice(self, reading: Reading) -> tuple[Happening, str] | None:
        if self.state is not State.EMERGENCY_STOP and reading.emergency:
            return Happening.BUTTON, "the emergency stop button was pressed"
        if self.state in _MOVING and reading.activity is Activity.STANDING:
            return Happening.BROKE, "the drive stopped by itself"
        if (objection := self._object(reading)) is not None:
            return objection
        if self.state is State.STARTING:
            return self._notice_start(reading)
        if self.state is State.RUNNING and reading.row_done:
            return Happening.ROW_DONE, "the row is clean"
        return _notice_at_home(self.state, reading)

    def _object(self, reading: Reading) -> Objection | None:
        if self.state in _WORKING:
            return self.interlocks.against_running(reading, self._senses)
        return self.interlocks.against_moving(reading, self._senses) if self.state in _MOVING else None

    def _notice_start(self, reading: Reading) -> tuple[Happening, str] | None:
        if reading.activity is Activity.CLEANING:
            return Happening.WORKING, ""
        if self._clock.monotonic_s() - self._since_s > START_LIMIT_S:
            return Happening.BROKE, f"not at work {START_LIMIT_S:.0f} s after the start"
        return None

    async def _follow(self, happening: Happening, words: str) -> None:
        if happening is Happening.BROKE:
            await self._break(words)
            return
        target = move(self.state, happening)
        if target is None:
            return
        try:
            await self._go(target)
        except HardwareError as error:
            await self._break(str(error))
            return
        self._enter(target, happening, words)

    async def _go(self, target: State) -> None:
        """What a happening asks of the drive."""
        if target is State.RETURNING:
            await self._drive.return_to_dock()
        elif target is State.EMERGENCY_STOP:
            await self._drive.cut_power()
        elif target is State.IDLE:
            await self._drive.halt()

    async def _cut_power(self) -> None:
        try:
            await self._drive.cut_power()
        except HardwareError:
            _log.exception("the motors' power cannot be cut")
            await self._halt()

    async def _halt(self) -> None:
        try:
            await self._drive.halt()
        except HardwareError:
            _log.exception("the drive does not even halt")

    async def _break(self, words: str) -> None:
        """Stand still first, then say so."""
        await self._halt()
        target = move(self.state, Happening.BROKE)
        if target is not None:
            _log.error("fault: %s", words)
            self._enter(target, Happening.BROKE, words)

    def _enter(self, state: State, cause: Cause, words: str = "") -> None:
        if state is self.state:
            return
        _log.info("%s -> %s (%s)%s", self.state, state, cause, f": {words}" if words else "")
        self.state = state
        self._since_s = self._clock.monotonic_s()
        for listener in self._listeners:
            listener(Move(state, self.reading, cause, words))

    async def _look(self) -> Reading:
        try:
            return await self._sensors.read()
        except HardwareError as error:
            _log.warning("the sensors do not answer: %s", error)
            return Reading(Activity.STANDING, self.reading.run)

    async def _refresh(self) -> None:
        self.reading = await self._look()


def _notice_at_home(state: State, reading: Reading) -> tuple[Happening, str] | None:
    if state is State.RETURNING and reading.activity is Activity.DOCKED:
        return Happening.ARRIVED, ""
    if state is State.DOCKED and reading.charging:
        return Happening.SUN_CHARGES, ""
    if state is State.CHARGING and not reading.charging:
        return Happening.CHARGE_ENDED, ""
    return None


async def _deed(drive: Drive, order: Order) -> None:
    deeds = {
        Order.STOP_CLEANING: drive.halt,
        Order.RETURN_TO_DOCK: drive.return_to_dock,
        Order.EMERGENCY_STOP: drive.cut_power,
        Order.PAUSE: drive.pause,
        Order.RESUME: drive.resume,
    }
    await deeds[order]()
