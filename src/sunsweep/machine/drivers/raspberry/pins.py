"""Outputs and contacts on the Pi's pins, through gpiozero."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sunsweep.machine.drivers.raspberry.options import DriveOptions, OutputOptions, SwitchOptions
from sunsweep.machine.ports import BadOptions, HardwareError

NEEDS_EXTRA = 'the driver `raspberry` needs more libraries: pip install "sunsweep[machine,pi]"'


class Output:
    """Off whenever nobody says otherwise."""

    def __init__(self, options: OutputOptions, factory: Any) -> None:
        from gpiozero import DigitalOutputDevice, PWMOutputDevice  # noqa: PLC0415  on machines with this driver only

        kind = PWMOutputDevice if options.pwm else DigitalOutputDevice
        self._device = kind(options.pin, active_high=options.active_high, pin_factory=factory)
        self._pwm = options.pwm

    @property
    def on(self) -> bool:
        """As the pin reads back."""
        return bool(self._device.is_active)

    def set(self, level: float) -> None:
        """0 to 1; what cannot be dimmed is on or off."""
        self._device.value = level if self._pwm else level > 0


class Travel:
    """The travel motor: away from the dock, or towards it."""

    def __init__(self, options: DriveOptions, factory: Any) -> None:
        from gpiozero import Motor  # noqa: PLC0415

        given = options.travel
        self._motor = Motor(given.forward, given.backward, enable=given.enable, pwm=given.pwm, pin_factory=factory)
        self._pwm = given.pwm

    @property
    def level(self) -> float:
        """-1 to 1, as the pins read back."""
        return float(self._motor.value)

    def set(self, level: float) -> None:
        if level == 0:
            self._motor.stop()
        else:
            self._motor.value = level if self._pwm else (1 if level > 0 else -1)


class Contact:
    """A switch or a button; `on_change` is called in gpiozero's thread, at once."""

    def __init__(self, options: SwitchOptions, factory: Any) -> None:
        from gpiozero import DigitalInputDevice  # noqa: PLC0415

        self._device = DigitalInputDevice(
            options.pin, pull_up=True, bounce_time=options.bounce_s or None, pin_factory=factory
        )
        self._closed_is_on = options.on_when == "closed"

    @property
    def on(self) -> bool:
        return bool(self._device.is_active) is self._closed_is_on

    def call_when_on(self, act: Callable[[], None]) -> None:
        if self._closed_is_on:
            self._device.when_activated = act
        else:
            self._device.when_deactivated = act


class Pins(NamedTuple):
    """All that the drive holds."""

    brush: Output
    pump: Output
    travel: Travel
    power: Output | None
    dock: Contact
    row_end: Contact | None
    button: Contact | None


def pins_of(options: DriveOptions, factory: Any) -> Pins:
    """Claim the pins. Raises `BadOptions` where two options name the same one."""
    try:
        from gpiozero import GPIOZeroError  # noqa: PLC0415
    except ImportError as error:
        raise BadOptions(f"{NEEDS_EXTRA} ({error})") from error
    try:
        return Pins(
            Output(options.brush, factory),
            Output(options.pump, factory),
            Travel(options, factory),
            None if options.power is None else Output(options.power, factory),
            Contact(options.dock, factory),
            None if options.row_end is None else Contact(options.row_end, factory),
            None if options.emergency_stop is None else Contact(options.emergency_stop, factory),
        )
    except GPIOZeroError as error:
        raise BadOptions(f"{error} - at `hardware.drive`") from error
    except OSError as error:
        raise HardwareError(f"the pins cannot be used: {error}") from error


def lgpio_factory() -> Any:
    """The Pi's own pins."""
    try:
        from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415
    except ImportError as error:
        raise BadOptions(f"{NEEDS_EXTRA} ({error})") from error
    try:
        return LGPIOFactory()
    except (
        Exception
    ) as error:  # lgpio has an error class of its own, and gpiozero others for boards that it does not know
        raise HardwareError(f"this computer's pins cannot be used: {error}") from error
