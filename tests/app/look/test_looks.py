"""The table of states is whole, readable in both themes, and sorts as an operator looks."""

import pytest

from sunsweep.app import words
from sunsweep.app.live.attention import NEEDS, RANK
from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.look import tones
from sunsweep.app.look.states import LOOKS, Shape

TONES = {name: tone for name, tone in vars(tones).items() if isinstance(tone, tones.Tone)}
AA_TEXT, AA_GRAPHICS = 4.5, 3.0


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance of sRGB."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_the_measure_is_wcags() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", TONES)
def test_every_tone_can_be_read(name: str, dark: bool) -> None:  # noqa: FBT001
    tone = TONES[name]
    brightest = "#000000" if dark else "#FFFFFF"
    for surface in (tones.SURFACES.of(dark=dark), brightest):
        assert contrast(tone.ink.of(dark=dark), surface) >= AA_TEXT
    assert contrast(tone.on_fill.of(dark=dark), tone.fill.of(dark=dark)) >= AA_TEXT


@pytest.mark.parametrize("dark", [False, True])
def test_the_emergency_stands_out_of_what_it_lies_on(dark: bool) -> None:  # noqa: FBT001
    assert contrast(tones.RED.fill.of(dark=dark), tones.SURFACES.of(dark=dark)) >= AA_GRAPHICS


def test_every_state_has_its_row_in_the_order_of_need() -> None:
    assert list(LOOKS) == list(AttentionState)
    assert sorted(AttentionState, key=RANK.__getitem__) == list(AttentionState)
    assert [state in NEEDS for state in LOOKS] == [True] * 7 + [False] * 7


def test_no_two_states_look_alike_without_colour(language: str) -> None:
    marks = {(look.icon, look.shape) for look in LOOKS.values()}
    assert len(marks) == len(LOOKS)
    assert len({look.words for look in LOOKS.values()}) == len(LOOKS)
    assert LOOKS[AttentionState.EMERGENCY_STOP].shape is Shape.FILLED


def test_words_follow_the_language() -> None:
    said = []
    for code in ("en", "es", "ar"):
        words.use(code)
        said.append(LOOKS[AttentionState.FAULT].words)
    assert said == ["Fault", "Avería", "عطل"]
