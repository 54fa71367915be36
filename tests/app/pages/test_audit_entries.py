"""The audit log's words and addresses, and the order of people and keys."""

from datetime import UTC, datetime

import pytest

from sunsweep.app.look.deeds import ACTIONS, OUTCOMES, action_words, actor_words, object_words
from sunsweep.app.look.roles import ROLES, rights_words
from sunsweep.app.pages.audit.entries import Wish, as_text, detail_lines, wish_of
from sunsweep.app.pages.people.persons import GIVEABLE, Key, Person, in_order, keys_in_order
from sunsweep.app.words import isolate, use
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.audit.actions import Action, Outcome
from sunsweep.server.features.audit.actors import Kind

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture(autouse=True)
def english() -> None:
    use("en")


def test_everything_that_is_noted_has_words() -> None:
    assert set(ACTIONS) == set(Action)
    assert set(OUTCOMES) == set(Outcome)
    assert set(ROLES) == set(Role)
    assert all(rights_words(role) for role in GIVEABLE)
    assert len({actor_words(kind, "x") for kind in Kind}) == len(Kind)


def test_what_it_was_done_to() -> None:
    assert object_words("machine model Mk 2") == f"Model {isolate('Mk 2')}"
    assert object_words("machine SCM-1") == f"Machine {isolate('SCM-1')}"
    assert object_words("user ann@example.com") == isolate("ann@example.com")
    assert object_words("machines") == "Several machines"
    assert object_words("something new") == isolate("something new")
    assert object_words("") == ""
    assert action_words("something.new") == isolate("something.new")


def test_an_address_says_which_are_shown() -> None:
    wish = Wish("ann@example.com", "user.add", "refused", "machine SCM-1", "7", "12")
    assert wish_of(wish.address) == wish
    assert wish_of("/audit?action=x&outcome=x&days=8&before=-1") == Wish()


def test_days_begin_that_long_ago() -> None:
    now_ms = int(NOW.timestamp() * 1000)
    assert Wish(days="7").begin(now_ms) == "2026-11-21T00:00:00+00:00"
    assert Wish().begin(now_ms) is None


def test_a_change_has_its_old_and_its_new_value() -> None:
    detail = {"role": ["viewer", "admin"], "disabled": [None, True], "tags": ["a", "b", "c"], "status": 403}
    assert detail_lines(detail) == [
        ("role", "viewer", "admin"),
        ("disabled", "—", "true"),
        ("tags", "a, b, c", None),
        ("status", "403", None),
    ]
    assert as_text({"all": True, "ids": [1, 2]}) == "all true, ids 1, 2"


def test_who_can_sign_in_comes_first() -> None:
    people = [
        Person(1, "zoe", "viewer", None, ""),
        Person(2, "ann", "viewer", "2026-11-01T00:00:00Z", ""),
        Person(3, "bob", "admin", None, ""),
    ]
    assert [one.email for one in in_order(people)] == ["bob", "zoe", "ann"]


def test_keys_that_open_something_come_first() -> None:
    later, before = "2026-12-28T00:00:00Z", "2026-10-28T00:00:00Z"
    keys = [
        Key(1, "good", "viewer", later, None, None),
        Key(2, "revoked", "viewer", later, None, before),
        Key(3, "ended", "viewer", before, before, None),
        Key(4, "newest", "viewer", later, None, None),
    ]
    assert [one.name for one in keys_in_order(keys, NOW)] == ["newest", "good", "ended", "revoked"]
