"""Words are those of the language in use at the moment in which they are asked for."""

import locale

import pytest

from sunsweep.app import words
from sunsweep.app.words import N_, _, catalogue, is_rtl, isolate, listed, ngettext, pgettext
from sunsweep.app.words.choice import choose, device_languages

FAULT = N_("Fault")


def test_the_language_counts_at_the_call() -> None:
    said = []
    for code in ("en", "es", "ar", "en"):
        words.use(code)
        said.append((words.language(), _(FAULT), pgettext("month", "May")))
    assert said == [
        ("en", "Fault", "May"),
        ("es", "Avería", "may"),
        ("ar", "عطل", "مايو"),
        ("en", "Fault", "May"),
    ]


def test_what_no_catalogue_knows_stays_english() -> None:
    words.use("ar")
    assert _("Never written anywhere") == "Never written anywhere"
    assert ngettext("one sheep", "many sheep", 2) == "many sheep"


def test_languages_know_their_names_and_directions() -> None:
    assert [(code, catalogue.own_name(code), is_rtl(code)) for code in catalogue.languages()] == [
        ("en", "English", False),
        ("ar", "العربية", True),
        ("es", "Español", False),
    ]


def test_an_unknown_language_is_refused_and_changes_nothing() -> None:
    words.use("es")
    with pytest.raises(LookupError, match=r"'\.\./es'"):
        words.use("../es")
    assert words.language() == "es"
    assert not is_rtl()


@pytest.mark.parametrize(
    ("chosen", "preferred", "wanted"),
    [
        (None, [], "en"),
        (None, ["fr-FR", "es-MX", "ar"], "es"),
        (None, ["AR_EG.UTF-8"], "ar"),
        ("ar", ["es"], "ar"),
        ("xx", ["es"], "es"),
        ("", ["C", "tlh"], "en"),
        (None, ["en-GB", "es"], "en"),
    ],
)
def test_the_choice_is_the_readers_then_the_devices_then_english(
    chosen: str | None, preferred: list[str], wanted: str
) -> None:
    assert choose(chosen, preferred) == wanted


def test_the_system_is_asked_where_there_is_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANGUAGE", "ar_EG:en")
    monkeypatch.setenv("LANG", "es_ES.UTF-8")
    assert device_languages() == ["ar_EG", "en", "es_ES.UTF-8"]
    monkeypatch.delenv("LANGUAGE")
    monkeypatch.delenv("LANG")
    monkeypatch.setattr(locale, "getlocale", lambda: ("es_ES", "UTF-8"))
    assert device_languages() == ["es_ES"]


def test_a_serial_keeps_its_order_in_arabic_and_is_plain_elsewhere() -> None:
    assert isolate("SN-001") == "SN-001"
    words.use("ar")
    assert isolate("SN-001").strip("\N{LEFT-TO-RIGHT MARK}") == "SN-001"
    assert isolate("SN-001") != "SN-001"


def test_figures_in_one_line_keep_their_order() -> None:
    assert listed(["80%", "-3.5 °C"]) == "80% · -3.5 °C"
    words.use("ar")
    mark = "\N{RIGHT-TO-LEFT MARK}"
    assert listed(["80%", "SN-1", "2"], " ") == f"80%{mark} {mark}SN-1{mark} {mark}2"
