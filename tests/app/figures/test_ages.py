"""Ages in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from babel.core import Locale
from babel.plural import to_python

from sunsweep.app import words
from sunsweep.app.figures.ages import Freshness, ago, freshness, heard, since
from sunsweep.app.words import ngettext

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age_s", "english"),
    [
        (-30, "just now"),
        (0, "just now"),
        (4.99, "just now"),
        (5, "5 s ago"),
        (12, "10 s ago"),
        (59.9, "55 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86_399, "23 h ago"),
        (86_400, "1 day ago"),
        (400_000, "4 days ago"),
    ],
)
def test_ago(age_s: float, english: str) -> None:
    assert ago(age_s) == english


def test_a_day_of_ages_is_a_hundred_texts(language: str) -> None:
    assert len({ago(age) for age in range(86_400)}) <= 1 + 11 + 59 + 23


def test_arabic_has_a_form_for_each_kind_of_number() -> None:
    words.use("ar")
    assert [ago(n * 86_400) for n in (1, 2, 3, 10, 11, 99, 100, 103)] == [
        "قبل يوم",
        "قبل يومين",
        "قبل 3 أيام",
        "قبل 10 أيام",
        "قبل 11 يومًا",
        "قبل 99 يومًا",
        "قبل 100 يوم",
        "قبل 103 أيام",
    ]


@pytest.mark.parametrize("code", ["es", "ar"])
def test_plural_forms_are_chosen_as_cldr_chooses(code: str) -> None:
    words.use(code)
    rule = to_python(Locale.parse(code).plural_form)
    forms: dict[str, set[str]] = {}
    for n in range(250):
        said = ngettext("{n} day ago", "{n} days ago", n)
        forms.setdefault(rule(n), set()).add(said)
    assert all(len(said) == 1 for said in forms.values()), forms


@pytest.mark.parametrize(
    ("back", "english", "spanish"),
    [
        (timedelta(minutes=48), "since 09:12", "desde las 09:12"),
        (timedelta(hours=12), "since yesterday 22:00", "desde ayer a las 22:00"),
        (timedelta(days=2), "since Nov 26, 10:00", "desde el 26 nov, 10:00"),
        (timedelta(days=400), "since Oct 24, 2025, 10:00", "desde el 24 oct 2025, 10:00"),
    ],
)
def test_since(back: timedelta, english: str, spanish: str) -> None:
    assert since(NOW - back, NOW, ZONE) == english
    words.use("es")
    assert since(NOW - back, NOW, ZONE) == spanish


def test_yesterday_is_a_matter_of_the_readers_clock() -> None:
    at = datetime(2026, 11, 27, 22, 30, tzinfo=UTC)
    assert since(at, NOW, UTC) == "since yesterday 22:30"
    assert since(at, NOW, ZONE) == "since 00:30"


def test_heard_is_an_age_at_first_and_a_moment_later() -> None:
    assert heard(NOW - timedelta(seconds=12), NOW, ZONE) == "10 s ago"
    assert heard(NOW - timedelta(hours=1), NOW, ZONE) == "09:00"
    assert heard(NOW - timedelta(hours=13), NOW, ZONE) == "yesterday 21:00"


@pytest.mark.parametrize(
    ("age_s", "presence", "wanted"),
    [
        (0, "online", Freshness.FRESH),
        (120, "online", Freshness.FRESH),
        (120.1, "online", Freshness.LATE),
        (120.1, "stale", Freshness.LATE),
        (1, "offline", Freshness.GONE),
        (None, "online", Freshness.GONE),
        (-5, "online", Freshness.FRESH),
    ],
)
def test_freshness(age_s: float | None, presence: str, wanted: Freshness) -> None:
    assert freshness(age_s, 60, presence) is wanted
