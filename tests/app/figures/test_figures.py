"""Figures with their units, against CLDR as Babel has it."""

import pytest
from babel import Locale
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.app import words
from sunsweep.app.figures import units
from sunsweep.app.figures.conventions import conventions
from sunsweep.app.figures.numbers import as_sent, number

LANGUAGES = ("en", "es", "ar")
SPACE = "\N{NO-BREAK SPACE}"
ENGLISH = [
    (units.battery(13.5), "13.5 V"),
    (units.solar_voltage(21.24), "21.2 V"),
    (units.current(4.5), "4.5 A"),
    (units.power(95), "95 W"),
    (units.solar_power(21.2, 4.5), "95 W"),
    (units.solar_power(21.2, None), "–"),
    (units.water(80), "80%"),
    (units.water(99.7), "100%"),
    (units.energy(150.5), "150.5 Wh"),
    (units.energy(0), "0.0 Wh"),
    (units.energy(999.9), "999.9 Wh"),
    (units.energy(999.96), "1.00 kWh"),
    (units.energy(1000), "1.00 kWh"),
    (units.energy(12_345_678), "12,345.68 kWh"),
    (units.area(450), "450 m²"),
    (units.area(4320), "4,320 m²"),
    (units.water_used(12.5), "12.5 L"),
    (units.temperature(32.5), "32.5 °C"),
    (units.temperature(-0.04), "0.0 °C"),
    (units.temperature(-3.5), "-3.5 °C"),
    (units.distance(200.0), "200 m"),
    (units.distance(5_000.0), "5 km"),
    (units.extra("vibration", 0.01), "0.01"),
    (units.extra("temp", 32.5), "32.5 °C"),
    (units.extra("Tilt", 1.25), "1.2°"),
    (units.extra("current", 2), "2.0 A"),
    (units.extra("rounds", 5.0), "5"),
    (units.extra("rounds", 123_456), "123,456"),
    (units.extra("noise", 1e-9), "1e-09"),
    (units.extra("temp", None), "–"),
    (units.battery(None), "–"),
    (units.battery(float("nan")), "–"),
    (units.energy(None), "–"),
    (units.extra("x", float("inf")), "–"),
]


def plain(text: str) -> str:
    return text.replace(SPACE, " ").replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{LEFT-TO-RIGHT MARK}", "")


def test_in_english() -> None:
    assert [plain(text) for text, _ in ENGLISH] == [wanted for _, wanted in ENGLISH]


def test_a_figure_and_its_unit_stay_on_one_line(language: str) -> None:
    said = [quantity.text(1.5) for quantity in vars(units).values() if isinstance(quantity, units.Quantity)]
    assert len(said) == 12
    assert " " not in "".join(said)


@pytest.mark.parametrize("code", LANGUAGES)
@given(value=st.floats(-99_999_999, 99_999_999), decimals=st.integers(0, 3))
def test_numbers_are_cldrs(code: str, value: float, decimals: int) -> None:
    words.use(code)
    # Rounded before: Babel rounds the decimal text, Python the binary number, and ties may differ.
    value = round(value, decimals) + 0.0
    cldr = plain(format_decimal(value, format="#,##0." + "0" * decimals if decimals else "#,##0", locale=code))
    ours = plain(number(value, decimals))
    # CLDR's minimumGroupingDigits, which Babel does not heed: Spanish sets thousands apart from five digits on.
    group = conventions().group
    assert ours == (cldr.replace(group, "") if 1000 <= abs(value) < 10 ** (conventions().min_grouped - 1) else cldr)


def test_spanish_sets_four_digits_not_apart() -> None:
    words.use("es")
    assert [number(9999), number(10_000), as_sent(1234.5)] == ["9999", "10.000", "1234,5"]


def test_marks_and_patterns_are_cldrs(language: str) -> None:
    locale, ours = Locale.parse(language), conventions()
    symbols = locale.number_symbols[locale.default_numbering_system]
    assert locale.default_numbering_system == "latn"
    assert (ours.decimal, ours.group) == (symbols["decimal"], symbols["group"])
    assert ours.minus == symbols["minusSign"]
    percent = locale.percent_formats[None].pattern.replace("#,##0", "{n}").replace("%", symbols["percentSign"])
    assert ours.percent == percent
    assert list(ours.months) == [locale.months["format"]["abbreviated"][month] for month in range(1, 13)]
    assert list(ours.weekdays) == [locale.days["format"]["abbreviated"][day] for day in range(7)]


@pytest.mark.parametrize(
    ("quantity", "name"),
    [
        (units.VOLTS, "electric-volt"),
        (units.AMPERES, "electric-ampere"),
        (units.WATTS, "power-watt"),
        (units.KILOWATT_HOURS, "energy-kilowatt-hour"),
        (units.SQUARE_METRES, "area-square-meter"),
        (units.LITRES, "volume-liter"),
        (units.CELSIUS, "temperature-celsius"),
    ],
)
def test_units_are_cldrs(language: str, quantity: units.Quantity, name: str) -> None:
    cldr = Locale.parse(language)._data["unit_patterns"][name]["short"]["other"].format("{n}")
    if (language, name) == ("en", "temperature-celsius"):
        cldr = "{n} °C"  # the SI's space, which CLDR leaves out in English
    if (language, name) == ("ar", "area-square-meter"):
        # In words: for a raised two behind Arabic letters Flutter's web client asks for fonts that do not come with it.
        cldr = Locale.parse(language)._data["unit_patterns"][name]["long"]["other"].format("{n}")
    assert plain(quantity.pattern()) == plain(cldr)
    assert plain(quantity.unit()) == plain(cldr).replace("{n}", "").strip()


def test_a_column_keeps_its_marks_below_each_other(language: str) -> None:
    volts = [units.battery(value) for value in (13, 13.04, 12.96, 9.999)]
    assert len({text.partition(conventions().decimal)[2] for text in volts}) == 1


def test_the_unit_alone() -> None:
    assert [units.extra_unit("temp"), units.extra_unit("vibration"), units.PERCENT.unit()] == ["°C", "", "%"]
