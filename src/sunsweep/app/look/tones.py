"""The colours that mean something, for light and for dark, with WCAG 2.2's contrast AA.

They are held to it on every surface that Material 3 lays under text, from the lowest container to the highest
(`SURFACES`): whatever a control is put on, it can be read.
"""

from typing import Final, NamedTuple


class Pair(NamedTuple):
    """`#RRGGBB` for each theme."""

    light: str
    dark: str

    def of(self, *, dark: bool) -> str:
        """The one for the theme."""
        return self.dark if dark else self.light


class Tone(NamedTuple):
    """`ink` for text, icons and lines on a surface; `on_fill` for what stands on an area in `fill`."""

    ink: Pair
    fill: Pair
    on_fill: Pair


SURFACES: Final = Pair("#E1E3E5", "#33363A")
"""The darkest that lies under text in the light theme, and the lightest in the dark one."""

RED: Final = Tone(Pair("#B3261E", "#FFB4AB"), Pair("#BA1A1A", "#FF6F61"), Pair("#FFFFFF", "#2D0001"))
AMBER: Final = Tone(Pair("#7A4900", "#FFB951"), Pair("#FFDDB0", "#5E3B00"), Pair("#2A1800", "#FFDDB0"))
BLUE: Final = Tone(Pair("#0B57A4", "#A8C8FF"), Pair("#D6E3FF", "#00468A"), Pair("#001B3D", "#D6E3FF"))
GREEN: Final = Tone(Pair("#0B6634", "#7FDA9C"), Pair("#B5F1C5", "#00522A"), Pair("#00210D", "#B5F1C5"))
GREY: Final = Tone(Pair("#595C61", "#B4B7BD"), Pair("#DDDFE3", "#44474C"), Pair("#2B2E32", "#E2E4E9"))
NEUTRAL: Final = Tone(Pair("#40454B", "#C6CAD1"), Pair("#E3E6EA", "#3A3E44"), Pair("#191C20", "#E3E6EA"))
