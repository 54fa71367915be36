"""Where a time and a value lie on a drawing."""

from dataclasses import dataclass, field
from typing import Final

import flet as ft

from sunsweep.app.pages.machine.charts.axes import Scale
from sunsweep.app.pages.machine.charts.spans import Window

FIGURES: Final = 48
"""Logical pixels beside the drawing, for the figures of the vertical axis."""
EDGE: Final = 12
"""After it, so that the last time on the axis is not cut."""
NARROW: Final = 560
COLUMN: Final = 3
"""Logical pixels that a point has for itself; more of them would only be thicker lines."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The time axis that all drawings of a page have in common; `width` is that of a whole drawing."""

    window: Window
    width: float

    @property
    def is_narrow(self) -> bool:
        """Whether a head and what is pointed at have no room beside each other."""
        return self.width < NARROW

    @property
    def left(self) -> float:
        return FIGURES

    @property
    def right(self) -> float:
        return max(self.left + 1, self.width - EDGE)

    @property
    def column_ms(self) -> float:
        """The time that `COLUMN` shows."""
        return self.ms_of(COLUMN)

    def ms_of(self, pixels: float) -> float:
        """A length as time."""
        return pixels * self.window.length_ms / (self.right - self.left)

    def holds(self, at_ms: float, width_ms: float | None) -> bool:
        """Whether anything of a bucket around a time is to be seen; the first and the last lie over the edges."""
        reach = (width_ms or 0) / 2
        return self.window.begin_ms - reach <= at_ms < self.window.end_ms + reach

    def x(self, at_ms: float) -> float:
        """Within the drawing, also for what began before it."""
        share = (at_ms - self.window.begin_ms) / self.window.length_ms
        return round(self.left + min(1.0, max(0.0, share)) * (self.right - self.left), 2)

    def at_ms(self, x: float) -> float:
        """What lies under a finger."""
        share = min(1.0, max(0.0, (x - self.left) / (self.right - self.left)))
        return self.window.begin_ms + share * self.window.length_ms


Offsets = list[ft.Offset | tuple[int | float, int | float]]
"""As a canvas takes them."""


def y_of(value: float, scale: Scale, top: float, bottom: float) -> float:
    """From the top down."""
    return round(bottom - (value - scale.low) / (scale.high - scale.low) * (bottom - top), 1)


@dataclass(eq=False)
class Pointer(ft.Observable):
    """The time that a finger or a mouse points at, on any drawing of the page; None: nowhere."""

    at_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Pointing:
    """Handed to drawings that are not drawn again when somebody points: a component follows each observable it gets."""

    pointer: Pointer = field(default_factory=Pointer)

    def point(self, at_ms: float | None) -> None:
        """To a time, or nowhere."""
        self.pointer.at_ms = at_ms


def pointed(frame: Frame, pointing: Pointing, content: ft.Control) -> ft.GestureDetector:
    """A drawing on which one can point; scrolling with a finger goes on as everywhere."""

    def follow(
        event: ft.PointerEvent[ft.GestureDetector]
        | ft.TapEvent[ft.GestureDetector]
        | ft.DragUpdateEvent[ft.GestureDetector],
    ) -> None:
        if event.local_position is not None:
            pointing.point(frame.at_ms(event.local_position.x))

    return ft.GestureDetector(
        content=content,
        on_hover=follow,
        on_tap_down=follow,
        on_horizontal_drag_update=follow,
        on_exit=lambda _event: pointing.point(None),
        hover_interval=60,
        drag_interval=60,
        mouse_cursor=ft.MouseCursor.PRECISE,
    )
