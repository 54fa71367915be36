"""Stand-ins for our own ports."""

from msgspec.structs import replace

from sunsweep.machine.ports import Activity, HardwareError, Plan, Reading

GOOD = Reading(Activity.DOCKED, battery_v=13.3, solar_v=18.0, solar_a=4.0, water_pct=90.0)


class FakeClock:
    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.synchronised = True
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    def advance(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


class FakeBody:
    """Sensors and drive in one: what is ordered is read back at once, unless `obedient` is switched off."""

    def __init__(self) -> None:
        self.reading = GOOD
        self.calls: list[str] = []
        self.obedient = True
        self.broken_sensors = False
        self.broken_drive = False

    def see(self, **changes: object) -> None:
        self.reading = replace(self.reading, **changes)

    async def read(self) -> Reading:
        if self.broken_sensors:
            raise HardwareError("no answer on the bus")
        return self.reading

    async def start(self, plan: Plan) -> None:
        self._do(f"start {plan.speed} {plan.mode}", Activity.CLEANING)

    async def halt(self) -> None:
        self._do("halt", self._standing())

    async def pause(self) -> None:
        self._do("pause", self._standing())

    async def resume(self) -> None:
        self._do("resume", Activity.CLEANING)

    async def return_to_dock(self) -> None:
        self._do("return_to_dock", Activity.TRAVELLING)

    async def cut_power(self) -> None:
        self._do("cut_power", self._standing())

    async def restore_power(self) -> None:
        self._do("restore_power", self.reading.activity)

    def _standing(self) -> Activity:
        return Activity.DOCKED if self.reading.activity is Activity.DOCKED else Activity.STANDING

    def _do(self, call: str, activity: Activity) -> None:
        self.calls.append(call)
        if self.broken_drive:
            raise HardwareError("the motor driver does not answer")
        if self.obedient:
            self.see(activity=activity)
